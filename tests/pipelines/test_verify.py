"""A good run is found good, and labelling again gives what was committed; what is wrong is found."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import tarfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from actors.specs.label import LabelSpec, Part
from actors.specs.verify import VerifySpec
from actors.stop_request import Stopped
from infra.published_models import model_url, publish
from infra.runs.commit import CommitRecord, commit_url
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard, note_set_aside
from infra.runs.tables import CLICKS, MASKS, TableKind
from infra.storage.files import Storage
from pipelines.cli import app
from pipelines.jobs.report import build_report
from pipelines.jobs.report_files import write_report
from pipelines.jobs.verify import run_verify
from tests.actors.shapes import write_shapes
from tests.model_files import small_model
from tests.pipelines.past_runs import label_here
from tests.specs import changed, label_spec, replayed

STORAGE = Storage()
NUM_SHARDS = 4


pytestmark = pytest.mark.usefixtures("same_threads")


@pytest.fixture
def options(tmp_path: Path) -> LabelSpec:
    dataset = str(tmp_path / "data")
    write_shapes(dataset, STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2, broken=[1])
    return label_spec(dataset, str(tmp_path / "run"), "analytic", zoom_size=96, max_clicks=4, batch_size=3)


def everything(options: LabelSpec) -> VerifySpec:
    return VerifySpec(run=options.out, sample=1.0)


def test_a_good_run_comes_out_the_same_in_every_object(options: LabelSpec) -> None:
    run = label_here(options)
    found = run_verify(everything(options))
    assert found.is_good
    assert (found.num_shards, found.num_expected) == (NUM_SHARDS, NUM_SHARDS)
    assert len(found.redone) == found.objects == run.read_masks(["area"]).num_rows
    assert found.num_same_clicks == found.objects
    assert (found.largest_pixel_share, found.largest_iou_difference) == (0.0, 0.0)


def test_a_run_over_a_part_of_the_shards_is_whole_with_those(options: LabelSpec) -> None:
    label_here(changed(options, part=Part(1, 2)))
    found = run_verify(everything(options))
    assert found.is_good
    assert (found.num_shards, found.num_expected) == (NUM_SHARDS // 2, NUM_SHARDS // 2)


def test_a_run_on_reduced_images_comes_out_the_same(options: LabelSpec) -> None:
    label_here(changed(options, working_pixels=1100))  # the images have 1,600 pixels and more
    found = run_verify(everything(options))
    assert found.is_good
    assert found.num_same_clicks == found.objects == len(found.redone) > 0


def test_replayed_clicks_come_out_the_same(options: LabelSpec, tmp_path: Path) -> None:
    label_here(options)
    replay = replayed(options, f"logged:{options.out}", out=str(tmp_path / "replay"))
    label_here(replay)
    found = run_verify(everything(replay))
    assert found.is_good
    assert found.num_same_clicks == found.objects > NUM_SHARDS


def test_a_click_log_that_has_changed_since_is_a_finding(options: LabelSpec, tmp_path: Path) -> None:
    log = tmp_path / "clicks.jsonl"
    names = {"object_id": "1", "click_idx": 0, "y": 20, "x": 20, "is_foreground": True}
    lines = [json.dumps({"sample_key": f"folder/shape-{index:03d}", **names}) for index in (0, 1)]
    log.write_text("\n".join(lines))
    replay = replayed(options, f"logged:{log}")
    label_here(replay)
    assert run_verify(everything(replay)).is_good
    log.write_text("\n".join(lines).replace('"x": 20', '"x": 21'))
    (finding,) = run_verify(everything(replay)).findings
    assert (
        f"click log logged:{log} is not what {options.out} was made from: its contents have changed"
        in str(finding)
    )


def test_a_run_outlives_the_training_run_that_its_model_came_from(options: LabelSpec, tmp_path: Path) -> None:
    training = tmp_path / "training"
    data, model_id = small_model(1)
    publish(STORAGE, str(training), 1, data, model_id, {})
    published = changed(options, model=f"run://{training}", max_clicks=2)
    label_here(published)
    shutil.rmtree(training)
    found = run_verify(changed(everything(published), sample=0.1))
    assert found.is_good, found.findings
    assert found.num_same_clicks == len(found.redone) > 0
    Path(model_url(options.out, 1)).unlink()
    (finding,) = run_verify(everything(published)).findings
    assert "was begun with the model of step 1" in str(finding)


def test_a_check_that_is_told_to_stop_leaves_no_folder_and_no_thread_behind(
    options: LabelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label_here(options)

    def told() -> None:
        raise Stopped

    monkeypatch.setattr("pipelines.jobs.relabel.check_stop", told)
    monkeypatch.setattr("pipelines.jobs.relabel._POLL_SECONDS", 0)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    before = set(threading.enumerate())
    with pytest.raises(Stopped):
        run_verify(everything(options))
    assert list((tmp_path / "temporary").iterdir()) == []
    assert set(threading.enumerate()) <= before


def test_a_share_of_the_objects_is_drawn_by_the_seed(options: LabelSpec) -> None:
    label_here(options)
    drawn = [
        {(again.shard, again.sample_key, again.object_id) for again in run_verify(chosen).redone}
        for chosen in (VerifySpec(run=options.out, sample=0.2, seed=seed) for seed in (0, 0, 1, 2, 3))
    ]
    assert drawn[0] == drawn[1]
    assert len({frozenset(names) for names in drawn}) > 1
    assert all(0 < len(names) < 8 for names in drawn)


def test_a_mask_that_the_model_did_not_make_is_found(options: LabelSpec) -> None:
    label_here(options)
    other = changed(options, out=options.out + "-other", zoom_size=64)
    label_here(other)
    config = json.loads(Path(options.out, "run.json").read_text())
    Path(other.out, "run.json").write_text(
        json.dumps(config)
    )  # as if it had been made with another zoom size
    found = run_verify(everything(other))
    assert not found.is_good
    assert found.largest_pixel_share > 0
    assert any("of its pixels changed" in str(finding) for finding in found.findings)
    tolerant = run_verify(changed(everything(other), tolerance=1.0))
    assert not any("of its pixels changed" in str(finding) for finding in tolerant.findings)
    assert all("comes out with other clicks" in str(finding) for finding in tolerant.findings)
    assert 0 < len(tolerant.findings) == len(tolerant.redone) - tolerant.num_same_clicks


@pytest.mark.parametrize(
    ("column", "change", "problem"),
    [
        ("y", 1.0, "comes out with other clicks"),
        ("is_foreground", 0.0, "comes out with other clicks"),
        ("iou", 0.25, "comes out with IoUs that differ by up to 0.25"),
    ],
)
def test_an_object_whose_mask_agrees_is_not_equal_if_its_clicks_or_ious_are_not(
    options: LabelSpec, column: str, change: float, problem: str
) -> None:
    run = label_here(options)
    num_changed = rewrite_first_clicks(run, column, change)
    found = run_verify(everything(options))
    assert found.largest_pixel_share == 0
    assert len(found.findings) == num_changed > 0
    assert all(str(finding).endswith(problem) for finding in found.findings)
    if column == "iou":
        assert found.largest_iou_difference == 0.25
        assert run_verify(changed(everything(options), tolerance=0.5)).is_good
    else:
        assert not run_verify(changed(everything(options), tolerance=0.5)).is_good


def test_an_object_that_ended_for_another_reason_is_found(options: LabelSpec) -> None:
    give_first_object_the_stop_reason("errors_clicked", label_here(options))
    (finding,) = run_verify(everything(options)).findings
    assert str(finding).endswith("comes out with another stop reason")


def test_a_stop_reason_that_no_session_has_is_found(options: LabelSpec) -> None:
    give_first_object_the_stop_reason("bored", label_here(options))
    (finding,) = run_verify(VerifySpec(run=options.out, sample=0)).findings
    assert str(finding).endswith("has the stop reason 'bored', which no session has")


def give_first_object_the_stop_reason(reason: str, run: RunDirectory) -> None:
    record = next(iter(run.committed().values()))
    first, *others = next(run.read_parts(MASKS, [record])).to_pylist()
    rows = [first | {"stop_reason": reason}, *others]
    replace_part(run, record, MASKS, pa.Table.from_pylist(rows, schema=MASKS.schema))


def rewrite_first_clicks(run: RunDirectory, column: str, change: float) -> int:
    """Change a column in the first click of every object with several clicks, or turn it over; how many there were."""
    num_changed = 0
    for record in run.committed().values():
        clicks = next(run.read_parts(CLICKS, [record]))
        rows = clicks.to_pylist()
        for row, following in itertools.pairwise(rows):
            if row["click_idx"] == 0 and following["click_idx"] == 1:
                if column == "is_foreground":
                    row[column] = not row[column]
                else:
                    row[column] += change if row[column] < 1 / 2 else -change
                num_changed += 1
        replace_part(run, record, CLICKS, pa.Table.from_pylist(rows, schema=clicks.schema))
    return num_changed


def replace_part(run: RunDirectory, record: CommitRecord, kind: TableKind[Any], table: pa.Table) -> None:
    """Put other rows in the place of a part, as if they had been committed."""
    part = record.parts[kind.name]
    path = Path(run.url, part.path)
    pq.write_table(table, path)
    data = path.read_bytes()
    changed = replace(part, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    parts = {**record.parts, kind.name: changed}
    Path(commit_url(run.url, record.shard)).write_bytes(replace(record, parts=parts).to_bytes())


def test_a_run_that_is_not_finished_is_checked_as_far_as_it_is(options: LabelSpec) -> None:
    label_here(options, num_shards=2)
    found = run_verify(everything(options))
    assert found.is_good
    assert (found.num_shards, found.num_expected) == (2, NUM_SHARDS)


def test_a_run_with_shards_that_were_set_aside_is_not_called_complete(options: LabelSpec) -> None:
    run = label_here(options, num_shards=3)
    lost = SetAsideShard("shard-000003.tar", 3, "its worker died")
    note_set_aside(STORAGE, run.url, lost)
    found = run_verify(VerifySpec(run=options.out, sample=0))
    assert (found.is_good, found.set_aside) == (True, (lost,))
    result = CliRunner().invoke(app, ["verify", options.out, "--sample", "0"])
    assert result.exit_code == 3
    assert str(lost) in result.stdout
    assert result.stdout.endswith("NOT COMPLETE: 1 shards were set aside\n")


def test_figures_that_the_click_table_does_not_give_are_found(options: LabelSpec) -> None:
    label_here(options)
    write_report(options.out, STORAGE)
    assert run_verify(VerifySpec(run=options.out, sample=0)).is_good
    summary = Path(options.out, "report", "summary.json")
    figures = json.loads(summary.read_text())
    summary.write_text(json.dumps(figures | {"auc": 0.5}))
    (finding,) = run_verify(VerifySpec(run=options.out, sample=0)).findings
    assert str(finding).startswith("report/summary.json: says auc 0.5, the click table gives 0.")


def test_a_run_with_every_kind_of_entry_in_its_report_is_found_good(options: LabelSpec) -> None:
    make_foreign(options)
    label_here(options, num_shards=3)
    note_set_aside(STORAGE, options.out, SetAsideShard("shard-000003.tar", 3, "its worker died"))
    report = build_report(options.out, STORAGE)
    assert [(note.count, note.first_keys) for note in report.notes] == [(1, ("folder/thumbnail.txt",))]
    assert report.set_aside
    write_report(options.out, STORAGE)
    found = run_verify(VerifySpec(run=options.out, sample=0))
    assert found.is_good, found.findings


def make_foreign(options: LabelSpec) -> None:
    """Take away what names the shards, and put a file into the first of them that no sample has a use for."""
    Path(options.dataset, "dataset.json").unlink()
    with tarfile.open(Path(options.dataset, "shard-000000.tar"), "a") as tar:
        tar.addfile(tarfile.TarInfo("folder/thumbnail.txt"))


@pytest.mark.parametrize("lost", ["data", "changed"])
def test_what_cannot_be_labelled_again_is_said(options: LabelSpec, lost: str) -> None:
    label_here(options)
    if lost == "data":
        Path(options.dataset, "dataset.json").unlink()
        for shard in Path(options.dataset).glob("*.tar"):
            shard.unlink()
    else:
        write_shapes(options.dataset, STORAGE, num_samples=2, samples_per_shard=2)
    (finding,) = run_verify(everything(options)).findings
    assert str(finding).startswith("labelling again: not possible: ")


def with_setting(document: dict[str, Any], name: str, value: object) -> None:
    *sections, last = name.split(".")
    for section in sections:
        document = document[section]
    document[last] = value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("given", 5),
        ("dataset", 5),
        ("spec.network.batch_size", -3),
        ("spec.network.zoom_size", "x"),
        ("spec.network.precision", ["fp32"]),
        ("spec.clicks.max_clicks", "many"),
    ],
)
def test_a_run_json_that_says_what_no_run_does_is_a_finding(
    options: LabelSpec, name: str, value: object
) -> None:
    label_here(options)
    document: dict[str, Any] = json.loads(Path(options.out, "run.json").read_text())
    with_setting(document, name, value)
    Path(options.out, "run.json").write_text(json.dumps(document))
    (finding,) = run_verify(everything(options)).findings
    assert f"run.json does not say how the run was made: {name}: " in str(finding)


def test_a_run_json_that_names_no_number_of_shards_is_told_by_status(options: LabelSpec) -> None:
    label_here(options)
    file = Path(options.out, "run.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"dataset": 5}))
    result = CliRunner().invoke(app, ["status", options.out])
    assert result.exit_code == 1
    assert "run.json does not say how the run was made: dataset: should be an object, not 5" in result.stderr


def test_the_exit_code_tells(options: LabelSpec) -> None:
    run = label_here(options)
    result = CliRunner().invoke(app, ["verify", options.out, "--sample", "1"])
    assert result.exit_code == 0, result.output
    assert result.output.endswith("good\n")
    part = next(iter(run.committed().values())).parts["clicks"].path
    Path(options.out, part).write_bytes(b"")
    result = CliRunner().invoke(app, ["verify", options.out, "--json"])
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert not document["good"]
    assert document["findings"][0].startswith(f"{part}: 0 bytes that are not the")


def test_there_has_to_be_a_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["verify", str(tmp_path)])
    assert result.exit_code == 1
    assert "is no run directory" in result.output
    assert RunDirectory(str(tmp_path), STORAGE).committed() == {}

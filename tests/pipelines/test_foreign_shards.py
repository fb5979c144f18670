"""A run over shards of another program says how it read them: at its start, in its records and in its report."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from actors.click_models.model_ref import Formula, ModelRef
from actors.labelling.hand_out import Assignment
from actors.labelling.job import LabelJob, build_labeller
from infra import rle
from infra.click_logs.load import load_click_log
from infra.errors import ClickLogError, DatasetError
from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from infra.shards.glance import look_into
from infra.shards.manifest import load_manifest
from infra.shards.sample_document import dump_document
from infra.shards.shard_note import NoteCount
from infra.storage.files import Storage
from pipelines.errors import OptionError
from pipelines.inputs.label_inputs import find_inputs, label_record
from pipelines.inputs.run_record import request_of
from pipelines.jobs.comparison import compare_runs
from pipelines.jobs.report import build_report
from pipelines.views.report import ReportView
from tests.actors.shapes import shape_sample
from tests.pipelines.past_runs import label_here
from tests.specs import label_spec

STORAGE = Storage()
CAPTIONS = "members .txt, which are not read"


def write_tar(path: Path, numbers: range, *, with_masks: bool = True) -> None:
    """Samples with a dot in their names, and a caption each."""
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for number in numbers:
            sample = shape_sample(number)
            members = {sample.extension: sample.image_bytes, "txt": b"a caption"}
            if with_masks:
                members["json"] = dump_document(f"x.{number}", sample, [])
            for suffix, data in sorted(members.items()):
                info = tarfile.TarInfo(f"x.{number}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def test_what_a_shard_holds_besides_is_counted_in_the_report(tmp_path: Path) -> None:
    for number in range(2):
        write_tar(tmp_path / f"data/{number}.tar", range(2 * number, 2 * number + 2))
    spec = label_spec(
        str(tmp_path / "data/*.tar"),
        str(tmp_path / "run"),
        "analytic",
        max_clicks=2,
        target_iou="none",
        zoom_size=32,
    ).resolved()
    inputs = find_inputs(spec, STORAGE)
    run = RunDirectory(spec.out, STORAGE)
    run.open(request_of(label_record(spec, inputs)))
    job = LabelJob(spec, inputs.dataset.url)
    labeller = build_labeller(job, inputs.given)
    for shard in inputs.dataset.shards:
        engine = job.load(ModelRef("analytic", "analytic", Formula()), "cpu")
        summary = labeller.label(Assignment(shard, shard.name), engine)
        assert CommitRecord.from_bytes(summary.record.to_bytes()) == summary.record
    labeller.close()
    report = build_report(run.url, STORAGE)
    assert report.errors_by_reason == {}
    assert report.notes == (NoteCount(CAPTIONS, 4, ("x.0.txt", "x.1.txt", "x.2.txt")),)
    assert report.to_json()["notes"] == [
        {"text": CAPTIONS, "count": 4, "first_keys": ("x.0.txt", "x.1.txt", "x.2.txt")}
    ]
    console = Console(file=io.StringIO(), width=200)
    console.print(ReportView(report))
    assert isinstance(console.file, io.StringIO)
    assert f"in the shards: 4 x {CAPTIONS} (x.0.txt, x.1.txt, x.2.txt, ...)" in console.file.getvalue()


def test_a_key_that_two_shards_have_is_told_and_is_the_reason_why_a_run_cannot_be_matched(
    tmp_path: Path,
) -> None:
    write_tar(tmp_path / "data/0.tar", range(2))
    write_tar(tmp_path / "data/1.tar", range(1, 3))
    asked = label_spec(
        str(tmp_path / "data/*.tar"), str(tmp_path / "run"), "analytic", zoom_size=32, max_clicks=2
    )
    label_here(asked)
    report = build_report(asked.out, STORAGE)
    (note,) = (note for note in report.notes if note.text != CAPTIONS)
    assert "sample keys that several shards have" in note.text
    assert (note.count, note.first_keys) == (1, ("'x.1' in 0.tar and 1.tar",))
    with pytest.raises(OptionError, match=r"several samples of one key \('x\.1' in 0\.tar and 1\.tar\)"):
        compare_runs([asked.out, asked.out], STORAGE)
    with pytest.raises(ClickLogError, match=r"several samples of one key \('x\.1' in 0\.tar and 1\.tar\)"):
        load_click_log(STORAGE, asked.out)


def test_rows_without_a_mask_and_strange_masks_are_told(tmp_path: Path) -> None:
    samples = [shape_sample(number, num_objects=1) for number in range(3)]
    inverted = np.ones((samples[2].height, samples[2].width), np.bool_)
    cells = [{"counts": samples[0].objects[0].rle}, None, {"counts": rle.encode(inverted)}]
    columns = {
        "image": [sample.image_bytes for sample in samples],
        "key": [sample.key for sample in samples],
        "mask": pa.array(cells),
    }
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    asked = label_spec(
        str(tmp_path / "x.parquet"), str(tmp_path / "run"), "analytic", zoom_size=32, max_clicks=1
    )
    label_here(asked)
    notes = {note.text: note.first_keys for note in build_report(asked.out, STORAGE).notes}
    unmasked = next(keys for text, keys in notes.items() if text.startswith("samples without any mask"))
    strange = next(keys for text, keys in notes.items() if text.startswith("objects that cover 95%"))
    assert (unmasked, strange) == ((samples[1].key,), (samples[2].key,))


def test_shards_without_masks_are_refused_with_what_was_seen(tmp_path: Path) -> None:
    write_tar(tmp_path / "data/0.tar", range(3), with_masks=False)
    asked = label_spec(str(tmp_path / "data"), str(tmp_path / "run"), "analytic")
    with pytest.raises(OptionError, match=r"3 samples with 0 objects in 1 shard; 3 x members \.txt"):
        find_inputs(asked, STORAGE)


def test_masks_behind_samples_without_any_are_found(tmp_path: Path) -> None:
    for shard in range(3):
        write_tar(tmp_path / f"data/{shard}.tar", range(60 * shard, 60 * shard + 60), with_masks=shard == 2)
    glance = look_into(load_manifest(STORAGE, str(tmp_path / "data")), STORAGE)
    assert (glance.has_objects, glance.num_samples, glance.num_shards) == (True, 121, 3)


def test_a_later_shard_that_is_broken_does_not_keep_a_run_from_starting(tmp_path: Path) -> None:
    write_tar(tmp_path / "data/0.tar", range(2), with_masks=False)
    (tmp_path / "data/1.tar").write_bytes(b"broken")
    write_tar(tmp_path / "data/2.tar", range(2))
    assert look_into(load_manifest(STORAGE, str(tmp_path / "data")), STORAGE).has_objects
    (tmp_path / "data/0.tar").write_bytes(b"broken")
    with pytest.raises(DatasetError, match=r"0\.tar is broken"):
        look_into(load_manifest(STORAGE, str(tmp_path / "data")), STORAGE)


def test_a_run_is_not_made_where_a_pattern_may_find_it(tmp_path: Path) -> None:
    write_tar(tmp_path / "data/0.tar", range(1))
    asked = label_spec(str(tmp_path / "data/**/*.tar"), str(tmp_path / "data/run"), "analytic")
    with pytest.raises(OptionError, match="is in the data set"):
        find_inputs(asked, STORAGE)

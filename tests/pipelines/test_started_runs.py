"""Runs whose objects start from masks or boxes: found, recorded, checked again and refused in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from actors.specs.label import LabelSpec
from actors.specs.verify import VerifySpec
from infra import rle
from infra.errors import RunDirectoryError
from infra.shards.manifest import load_manifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from mfp.click_model import ModelTraits
from mfp.models.analytic import AnalyticClickModel
from pipelines.cli import app
from pipelines.errors import OptionError
from pipelines.inputs.label_inputs import find_inputs, label_record
from pipelines.inputs.run_record import LabelRecord, StartsContent, read_record, request_of
from pipelines.jobs.verify import run_verify
from tests.actors.shapes import write_shapes
from tests.pipelines.past_runs import label_here
from tests.specs import changed, label_spec, replayed

STORAGE = Storage()
NUM_SAMPLES = 4


pytestmark = pytest.mark.usefixtures("same_threads")


@pytest.fixture
def dataset(tmp_path: Path) -> str:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=NUM_SAMPLES, samples_per_shard=2)
    return str(tmp_path / "data")


@pytest.fixture
def options(tmp_path: Path, dataset: str) -> LabelSpec:
    return label_spec(dataset, str(tmp_path / "run"), "analytic", zoom_size=96, max_clicks=4)


def samples_of(dataset: str) -> Iterator[Sample]:
    manifest = load_manifest(STORAGE, dataset)
    for shard in manifest.shards:
        for item in read_shard(STORAGE, manifest.shard_url(shard), shard):
            assert isinstance(item, Sample)
            yield item


def write_boxes(dataset: str, file: Path, *, grown: float = 0.0) -> str:
    """A box around every true mask, with its object's id."""
    rows: list[dict[str, Any]] = []
    for sample in samples_of(dataset):
        for truth in sample.objects:
            x, y, w, h = rle.bbox(truth.rle, sample.height, sample.width)
            sides = {"x": x - grown, "y": y - grown, "w": w + 2 * grown, "h": h + 2 * grown}
            rows.append({"sample_key": sample.key, "object_id": truth.object_id} | sides)
    pq.write_table(pa.Table.from_pylist(rows), file)
    return str(file)


def is_verified(run: str) -> bool:
    found = run_verify(VerifySpec(run=run, sample=1.0))
    return found.is_good and len(found.redone) == found.objects > 0


@pytest.mark.parametrize(
    "settings",
    [
        {"start": "damaged", "damage_seed": 3},
        {"start": "damaged", "changes": "global", "damage_min_iou": 0.5, "damage_max_iou": 0.6},
        {"overlap": "exclude"},
        {"clicks": "simulated:distance-weighted", "seed": 1},
        {"clicks": "simulated:jitter?pixels=9"},
        {"clicks": "simulated:lazy?iou=0.7"},
        {"target_quality": 0.6},
        {"min_change": 0.2},
    ],
    ids=str,
)
def test_a_run_is_made_again_from_what_run_json_says(options: LabelSpec, settings: dict[str, Any]) -> None:
    label_here(changed(options, **settings))
    assert is_verified(options.out)


def test_boxes_become_masks_and_the_run_is_made_again(options: LabelSpec, tmp_path: Path) -> None:
    boxes = write_boxes(options.dataset, tmp_path / "boxes.parquet")
    asked = changed(options, start=f"boxes:{boxes}", clicks="box-centre", max_clicks="all", target_iou="none")
    run = label_here(asked)
    assert set(run.read_masks(["start"])["start"].to_pylist()) == {"box"}
    assert is_verified(options.out)
    record = read_record(LabelRecord, options.out, STORAGE)
    assert isinstance(record.given.start, StartsContent)
    assert record.given.clicks == "box-centre"


def test_boxes_that_have_changed_since_are_found(options: LabelSpec, tmp_path: Path) -> None:
    boxes = write_boxes(options.dataset, tmp_path / "boxes.parquet")
    label_here(changed(options, start=f"boxes:{boxes}"))
    write_boxes(options.dataset, tmp_path / "boxes.parquet", grown=1.0)
    found = run_verify(VerifySpec(run=options.out, sample=1.0))
    assert [str(one) for one in found.findings] == [
        f"labelling again: not possible: start boxes:{boxes} is not what {options.out} was made from: its "
        "contents have changed since"
    ]


def test_a_run_goes_on_only_from_the_same_boxes_wherever_they_are(options: LabelSpec, tmp_path: Path) -> None:
    boxes = write_boxes(options.dataset, tmp_path / "boxes.parquet")
    run = label_here(changed(options, start=f"boxes:{boxes}"), num_shards=1)

    def go_on(place: Path) -> None:
        asked = changed(options, start=f"boxes:{place}").resolved()
        run.check(request_of(label_record(asked, find_inputs(asked, STORAGE))))

    (tmp_path / "moved.parquet").write_bytes(Path(boxes).read_bytes())
    go_on(tmp_path / "moved.parquet")
    write_boxes(options.dataset, tmp_path / "other.parquet", grown=2.0)
    with pytest.raises(RunDirectoryError, match=r"given\.start\.fingerprint is"):
        go_on(tmp_path / "other.parquet")


def test_another_seed_is_another_run(options: LabelSpec) -> None:
    run = label_here(changed(options, clicks="simulated:uniform"), num_shards=1)
    other = changed(options, clicks="simulated:uniform", seed=1).resolved()
    with pytest.raises(RunDirectoryError, match="seed is 0 there and 1 here"):
        run.check(request_of(label_record(other, find_inputs(other, STORAGE))))


def test_another_user_is_another_run_and_the_same_one_may_be_spelt_otherwise(options: LabelSpec) -> None:
    run = label_here(changed(options, clicks="simulated:boundary"), num_shards=1)

    def go_on(clicks: str) -> None:
        asked = changed(options, clicks=clicks).resolved()
        run.check(request_of(label_record(asked, find_inputs(asked, STORAGE))))

    go_on("simulated:boundary?pixels=3.0")
    with pytest.raises(RunDirectoryError, match='"boundary" there and "uniform" here'):
        go_on("simulated:uniform")


def test_a_log_that_differs_in_its_looks_alone_is_another(options: LabelSpec, tmp_path: Path) -> None:
    key = next(samples_of(options.dataset)).key
    lines = [f"{key},1,{{}},{place},{place},1" for place in (9, 12)]

    def asked(name: str, looks: tuple[int, int]) -> LabelSpec:
        log = tmp_path / f"{name}.csv"
        rows = [line.format(look) for line, look in zip(lines, looks, strict=True)]
        log.write_text("\n".join(["sample_key,object_id,look,y,x,is_foreground", *rows]))
        spec: LabelSpec = replayed(options, f"logged:{log}").resolved()
        return spec

    run = label_here(asked("one", (0, 1)))
    for name, looks, is_same in (("again", (3, 4), True), ("row", (0, 0), False)):
        spec = asked(name, looks)
        request = request_of(label_record(spec, find_inputs(spec, STORAGE)))
        if is_same:
            run.check(request)
        else:
            with pytest.raises(RunDirectoryError, match=r"given\.clicks\.fingerprint is"):
                run.check(request)


def make_own() -> AnalyticClickModel:
    class FromNothingOnly(AnalyticClickModel):
        @property
        def traits(self) -> ModelTraits:
            return ModelTraits(name="own", identity="own")

    return FromNothingOnly()


def test_a_model_that_does_not_start_from_masks_is_refused_before_the_run(options: LabelSpec) -> None:
    model = f"python:{__name__}:make_own"
    asked = changed(options, start="damaged", model=model, trust_model_code=True).resolved()
    with pytest.raises(OptionError, match=r"--start damaged: .* does not start from a mask"):
        find_inputs(asked, STORAGE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--clicks", "box-centre"], "there are no boxes to click in; give --start boxes:URL"),
        (["--start", "boxes:gone.json"], "there are no masks or boxes at gone.json"),
        (["--start", "mask:x"], "start 'mask:x' is neither 'nothing', masks:URL, boxes:URL nor 'damaged'"),
        (["--start", "masks:"], "'masks:' names no masks after 'masks:'"),
        (["--changes", "local"], "changes 'local' with start 'nothing': there is no mask to keep"),
        (["--start", "boxes:x.json", "--changes", "local"], "there is no mask to keep"),
        (["--start", "damaged", "--damage-min-iou", "0.9"], "must be below damage_max_iou 0.85"),
        (["--start", "damaged", "--clicks", "logged:x.csv"], "damaged masks are for measuring"),
        (["--final-masks", "masks:x"], "only the clicks of people have an annotator's mask"),
        (["--final-masks", "x"], "final_masks 'x' are neither 'none' nor masks:URL"),
        (["--damage-seed", "3"], "nothing is damaged; leave them out"),
        (["--start-mask-values", "binary"], "no such files are read; leave them out"),
        (["--click-units", "percent"], "no log is read; leave them out"),
        (["--clicks", "simulated:lazy"], "lazy"),
        (["--clicks", "logged:x.csv", "--click-column", "who=y"], "'who' is none of sample_key"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    tmp_path: Path, dataset: str, arguments: list[str], message: str
) -> None:
    result = CliRunner().invoke(
        app, ["label", dataset, "--out", str(tmp_path / "out"), "--model", "analytic", *arguments]
    )
    assert result.exit_code in {1, 2}
    text = " ".join(result.output.replace("│", " ").split())
    assert message in text
    assert not (tmp_path / "out").exists()


def test_a_coco_file_of_a_detector_is_a_start(options: LabelSpec, tmp_path: Path) -> None:
    """A results list names images by id only, and objects not at all; the file with the images lies beside it."""
    folder = tmp_path / "detections"
    folder.mkdir()
    samples = list(samples_of(options.dataset))
    images = [
        {"id": number, "file_name": f"{sample.key}.png", "height": sample.height, "width": sample.width}
        for number, sample in enumerate(samples)
    ]
    found = [
        {"image_id": 0, "category_id": 1, "bbox": [3.0, 4.0, 20.0, 10.0], "score": 0.5},
        {"image_id": 2, "category_id": 1, "bbox": [5.0, 6.0, 10.0, 20.0], "score": 0.9},
        {"image_id": 2, "category_id": 1, "bbox": [8.0, 9.0, 10.0, 12.0], "score": 0.95},
    ]
    (folder / "images.json").write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    (folder / "results.json").write_text(json.dumps(found))
    run = label_here(
        changed(options, start=f"boxes:{folder}", clicks="box-centre", max_clicks="all", target_iou="none")
    )
    rows = run.read_masks(["sample_key", "object_id"]).to_pylist()
    assert sorted((row["sample_key"], row["object_id"]) for row in rows) == [
        (samples[0].key, "auto-000001"),
        (samples[2].key, "auto-000001"),
        (samples[2].key, "auto-000002"),
    ]

"""`mfp calibrate`: a quality is fitted to evaluations, and a run of that model scores its masks by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actors.specs.calibrate import CalibrateSpec
from actors.specs.verify import VerifySpec
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import SIGNALS
from infra.storage.files import Storage
from infra.strict_json import to_bytes
from mfp.mask_quality import CalibratedQuality
from mfp.mask_signals import MaskSignals
from pipelines.errors import OptionError
from pipelines.inputs.calibration import Calibration, Conditions, read_calibration
from pipelines.inputs.run_record import LabelRecord, read_record, request_of
from pipelines.jobs.calibrate import Calibrated, run_calibrate
from pipelines.jobs.report import build_report
from pipelines.jobs.report_words import quality_in_words
from pipelines.jobs.verify import run_verify
from pipelines.views.calibrate import calibration_lines
from tests.actors.shapes import write_shapes
from tests.pipelines.past_runs import label_here
from tests.pipelines.scored_runs import fill, scored_run
from tests.specs import label_record, label_spec


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Calibration, Path]:
    folder = tmp_path_factory.mktemp("fitted")
    run = scored_run(str(folder / "run"))
    done = run_calibrate(CalibrateSpec(runs=(run.url,), out=str(folder / "q.json")))
    return done.calibration, folder


def test_the_file_says_what_was_fitted_on_what(fitted: tuple[Calibration, Path]) -> None:
    calibration, folder = fitted
    assert read_calibration(str(folder / "q.json"), Storage()) == calibration
    assert calibration.conditions.model_id == "analytic"
    assert calibration.datasets == ("f" * 64,)
    assert (calibration.num_images, calibration.num_objects, calibration.num_masks) == (100, 300, 900)
    assert [after.num_clicks for after in calibration.figures] == [1, 2, 3]


def test_the_quality_follows_the_iou_and_not_what_says_nothing_of_it(
    fitted: tuple[Calibration, Path],
) -> None:
    calibration, _ = fitted
    for after in calibration.figures:
        assert after.calibrated.spearman is not None and after.calibrated.spearman > 0.85
        assert after.calibrated.calibration_error < 0.05
        assert after.expected_iou.spearman is None, "the same for all of these masks"
    lines = "\n".join(calibration_lines(Calibrated("q.json", calibration)))
    assert "fitted to 900 masks of 300 objects on 100 images" in lines
    assert "runs of model analytic take it as --calibration" in lines


def test_a_calibration_is_the_same_whenever_it_is_made(fitted: tuple[Calibration, Path]) -> None:
    calibration, folder = fitted
    again = run_calibrate(CalibrateSpec(runs=(str(folder / "run"),), out=str(folder / "again.json")))
    assert again.calibration.quality == calibration.quality
    assert again.calibration.figures == calibration.figures


def test_runs_that_ended_at_an_iou_are_refused(tmp_path: Path) -> None:
    run = scored_run(str(tmp_path / "run"), target_iou=0.95)
    with pytest.raises(OptionError, match=r"ended its objects at IoU 0\.95.*--full-curve"):
        run_calibrate(CalibrateSpec(runs=(run.url,), out=str(tmp_path / "q.json")))


@pytest.mark.parametrize(("num_images", "has_truth"), [(19, True), (40, False)])
def test_too_few_images_with_truth_are_refused(tmp_path: Path, num_images: int, has_truth: bool) -> None:
    run = scored_run(str(tmp_path / "run"), num_images=num_images, has_truth=has_truth)
    with pytest.raises(OptionError, match="needs 20 at least: evaluate more"):
        run_calibrate(CalibrateSpec(runs=(run.url,), out=str(tmp_path / "q.json")))
    assert not (tmp_path / "q.json").exists()


def test_a_run_that_is_named_twice_counts_once(
    fitted: tuple[Calibration, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration, folder = fitted
    monkeypatch.chdir(folder)
    names = ("run", "./run", str(folder / "run"), str(folder / "run") + "/")
    again = run_calibrate(CalibrateSpec(runs=names, out=str(folder / "twice.json")))
    assert replace(again.calibration, created=calibration.created) == calibration


def test_images_of_one_key_are_one_image_also_from_several_data_sets(
    fitted: tuple[Calibration, Path], tmp_path: Path
) -> None:
    """The same images in other shards are another data set; no fit may score what it has seen."""
    calibration, folder = fitted
    record = label_record(max_clicks=3, target_iou="none")
    other = RunDirectory(str(tmp_path / "run"), Storage())
    other.open(request_of(replace(record, dataset=replace(record.dataset, fingerprint="e" * 64))))
    fill(other, num_images=100, num_clicks=3)
    runs = (str(folder / "run"), other.url)
    both = run_calibrate(CalibrateSpec(runs=runs, out=str(tmp_path / "q.json"))).calibration
    assert (both.num_images, both.num_objects, both.num_masks) == (100, 600, 1_800)
    for one, two in zip(calibration.figures, both.figures, strict=True):
        assert two.calibrated.num_masks == 2 * one.calibrated.num_masks


@pytest.mark.parametrize("content", [b'{"spec": {}}', b"", b"a photograph"])
def test_a_calibration_is_not_written_over_another_file(
    content: bytes, fitted: tuple[Calibration, Path], tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_bytes(content)
    spec = CalibrateSpec(runs=(str(fitted[1] / "run"),), out=str(tmp_path / "run.json"))
    with pytest.raises(OptionError, match=r"--out .*run\.json is there, and is no calibration"):
        run_calibrate(spec)
    assert (tmp_path / "run.json").read_bytes() == content


def test_a_calibration_is_written_over_an_older_one(fitted: tuple[Calibration, Path], tmp_path: Path) -> None:
    out = tmp_path / "q.json"
    out.write_bytes(to_bytes(replace(fitted[0], seed=5)))
    run_calibrate(CalibrateSpec(runs=(str(fitted[1] / "run"),), out=str(out)))
    assert read_calibration(str(out), Storage()).seed == 0


def test_a_file_that_is_no_calibration_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text('{"job": "label"}')
    with pytest.raises(OptionError, match=r"--calibration .*q\.json is none"):
        read_calibration(str(tmp_path / "q.json"), Storage())


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_shapes(str(tmp_path_factory.mktemp("shapes")), Storage(), num_samples=4).url


def calibration_of(place: Path, like: Calibration, conditions: Conditions) -> str:
    place.write_bytes(to_bytes(replace(like, conditions=conditions)))
    return str(place)


def test_a_run_scores_its_masks_by_the_calibration_and_comes_out_the_same_again(
    shapes: str, tmp_path: Path, fitted: tuple[Calibration, Path]
) -> None:
    asked = label_spec(
        shapes, str(tmp_path / "run"), "analytic", zoom_size=64, max_clicks=3, target_iou="none"
    )
    file = calibration_of(tmp_path / "q.json", fitted[0], Conditions.of("analytic", asked))
    run = label_here(
        label_spec(
            shapes,
            str(tmp_path / "run"),
            "analytic",
            zoom_size=64,
            max_clicks=3,
            target_iou="none",
            calibration=file,
        )
    )
    record = read_record(LabelRecord, run.url, run.storage)
    assert record.quality == fitted[0].quality
    clicks = run.read_clicks().to_pylist()
    assert clicks
    for row in clicks:
        signals = MaskSignals(**{name: row[name] for name in SIGNALS})
        assert row["quality"] == fitted[0].quality.of(signals, row["click_idx"] + 1)
        assert row["quality"] != row["expected_iou"]
    last = {(row["sample_key"], row["object_id"]): row for row in clicks}
    for mask in run.read_masks().to_pylist():
        of_click = last[mask["sample_key"], mask["object_id"]]
        assert [mask[name] for name in ("quality", *SIGNALS)] == [
            of_click[name] for name in ("quality", *SIGNALS)
        ]
    (tmp_path / "q.json").unlink()
    assert run_verify(VerifySpec(run=run.url, sample=1.0)).is_good, "the run has all that it takes"
    report = build_report(run.url, run.storage)
    assert [after.num_clicks for after in report.quality] == [1, 2, 3]
    assert not report.is_calibrated_here


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model_id": "another"}, "model_id analytic instead of another"),
        ({"flip": "off"}, "flip on instead of off"),
        ({"precision": "bf16"}, "precision fp32 instead of bf16"),
        ({"zoom_size": 320}, "zoom_size 64 instead of 320"),
    ],
)
def test_a_calibration_of_another_model_or_setting_is_refused(
    changed: dict[str, object], said: str, shapes: str, tmp_path: Path, fitted: tuple[Calibration, Path]
) -> None:
    asked = label_spec(shapes, str(tmp_path / "run"), "analytic", zoom_size=64)
    conditions = replace(Conditions.of("analytic", asked), **changed)  # type: ignore[arg-type]
    file = calibration_of(tmp_path / "q.json", fitted[0], conditions)
    with pytest.raises(OptionError, match=said):
        label_here(label_spec(shapes, str(tmp_path / "run"), "analytic", zoom_size=64, calibration=file))
    assert not (tmp_path / "run").exists()


def test_a_run_on_the_data_of_its_calibration_says_so(tmp_path: Path) -> None:
    record = replace(
        label_record(max_clicks=3, target_iou="none"),
        quality=CalibratedQuality(*[0.1] * 10),
        calibrated_on=("f" * 64,),
    )
    run = RunDirectory(str(tmp_path / "run"), Storage())
    run.open(request_of(record))
    fill(run, num_images=5, num_clicks=3)
    report = build_report(run.url, Storage())
    assert report.is_calibrated_here
    assert "fitted on this very data set: on other images it is worse" in quality_in_words(report)
    assert np.isfinite(report.quality[0].figures.calibration_error)

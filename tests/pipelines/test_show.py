"""A film strip shows what the run did, and says so if it cannot."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from actors.specs.label import LabelSpec
from actors.specs.reading import ShowSpec
from infra.runs.run_directory import RunDirectory
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from mfp.region import Region
from mfp.start import FromBox, FromMask
from pipelines.cli import app
from pipelines.errors import OptionError
from pipelines.jobs.clicked_run import ClickedRun
from pipelines.jobs.film_strip import film_strip
from pipelines.jobs.replay import Replay, Replayer
from pipelines.jobs.report_page.strips import strips_of
from pipelines.jobs.show import run_show
from tests.actors.shapes import shape_sample, write_shapes
from tests.pipelines.past_runs import label_here
from tests.specs import label_spec

STORAGE = Storage()


pytestmark = pytest.mark.usefixtures("same_threads")


@pytest.fixture
def spec(tmp_path: Path) -> LabelSpec:
    dataset = str(tmp_path / "data")
    write_shapes(dataset, STORAGE, num_samples=4, samples_per_shard=2)
    return label_spec(dataset, str(tmp_path / "run"), "analytic", zoom_size=96, max_clicks=4, batch_size=3)


def _names(run: RunDirectory) -> list[tuple[str, str]]:
    rows = run.read_masks(["sample_key", "object_id"]).to_pylist()
    return [(row["sample_key"], row["object_id"]) for row in rows]


def _replays(run: RunDirectory) -> list[Replay]:
    return list(Replayer(run).replay(_names(run)))


def _check_is_the_run(run: RunDirectory, replays: list[Replay]) -> None:
    assert [(one.sample_key, one.object_id) for one in replays] == _names(run)
    for one in replays:
        assert one.clicks and not one.why_no_looks
        assert np.array_equal(one.looks[-1].mask, one.mask)
        assert [record.iou for record in one.looks[-1].clicks] == list(one.ious)
        assert tuple(record.click for record in one.looks[-1].clicks) == one.clicks


def test_a_replay_has_the_clicks_ious_and_masks_of_the_run(spec: LabelSpec) -> None:
    run = label_here(spec)
    _check_is_the_run(run, _replays(run))


def test_a_replay_starts_from_what_the_run_started_from(spec: LabelSpec) -> None:
    run = label_here(replace(spec, start=replace(spec.start, source="damaged")))
    replays = _replays(run)
    _check_is_the_run(run, replays)
    assert all(isinstance(one.start, FromMask) and one.start.mask.any() for one in replays)


def test_a_replay_of_reduced_images_shows_them_at_the_size_that_was_worked_on(spec: LabelSpec) -> None:
    run = label_here(replace(spec, limits=replace(spec.limits, working_pixels=2**12)))
    for one in _replays(run):
        assert one.image.shape[0] * one.image.shape[1] <= 2**12
        assert one.looks[-1].mask.shape == one.mask.shape == one.image.shape[:2]
        assert [record.iou for record in one.looks[-1].clicks] == list(one.ious)


def test_objects_that_were_kept_apart_are_shown_without_maps_and_the_reason_is_told(spec: LabelSpec) -> None:
    run = label_here(replace(spec, start=replace(spec.start, overlap="priority")))
    for one in _replays(run):
        assert not one.looks
        assert "kept apart" in one.why_no_looks
        film_strip(one)


def test_a_strip_has_a_frame_for_the_truth_and_for_each_click(spec: LabelSpec) -> None:
    one = _replays(label_here(spec))[0]
    strip = film_strip(one)
    shorter = film_strip(replace(one, looks=one.looks[:1]))
    assert strip.height == shorter.height
    assert strip.width >= shorter.width


def test_a_strip_paints_missed_and_surplus_pixels_in_other_colours(spec: LabelSpec) -> None:
    one = _replays(label_here(spec))[0]
    assert one.truth is not None
    black = replace(one, image=np.zeros_like(one.image), looks=(), why_no_looks="")
    good = _colours(film_strip(replace(black, mask=one.truth == 1)))
    nothing = _colours(film_strip(replace(black, mask=np.zeros_like(one.mask))))
    blue, orange = (0, 57, 89), (115, 80, 0)  # half of the legend's colours, over black
    assert good[blue] > nothing.get(blue, 0)
    assert nothing[orange] > good.get(orange, 0)


def test_a_strip_is_as_wide_as_its_words(spec: LabelSpec) -> None:
    one = replace(_replays(label_here(spec))[0], object_id="7" * 400, sample_key="key" * 100)
    without = replace(one, looks=(), why_no_looks="the model is gone")
    for strip in (film_strip(one), film_strip(without)):
        header = np.asarray(strip)[:50]
        assert (header[:, -4:] == 255).all(), "no letter is cut off at the right"
        assert strip.width < 2_000


def test_a_strip_shows_the_box_that_an_object_started_from(spec: LabelSpec) -> None:
    one = _replays(label_here(spec))[0]
    boxed = replace(one, start=FromBox(Region(10, 30, 12, 40)))
    yellow = (240, 228, 66)
    assert _colours(film_strip(boxed))[yellow] > 200
    assert yellow not in _colours(film_strip(one))


def _colours(strip: Image.Image) -> dict[tuple[int, ...], int]:
    pixels = np.asarray(strip).reshape(-1, 3)
    values, counts = np.unique(pixels, axis=0, return_counts=True)
    return {tuple(map(int, value)): int(count) for value, count in zip(values, counts, strict=True)}


def test_without_an_object_all_of_the_sample_are_shown(spec: LabelSpec) -> None:
    run = label_here(spec)
    key = _names(run)[0][0]
    of_sample = [name for name in _names(run) if name[0] == key]
    shown = run_show(ShowSpec(run=run.url, key=key))
    assert len(shown.lines) == len(of_sample)
    one = run_show(ShowSpec(run=run.url, key=key, object_id=of_sample[0][1]))
    heights = [Image.open(io.BytesIO(each.png)).height for each in (shown, one)]
    assert heights[0] > heights[1] * (len(of_sample) - 0.5)


@pytest.mark.parametrize(("key", "object_id"), [("no such key", ""), ("", "99")])
def test_what_the_run_does_not_have_is_said_in_one_line(spec: LabelSpec, key: str, object_id: str) -> None:
    run = label_here(spec)
    with pytest.raises(OptionError, match="has no mask of"):
        run_show(ShowSpec(run=run.url, key=key or _names(run)[0][0], object_id=object_id))


def test_why_there_are_no_maps_is_told_as_that(spec: LabelSpec) -> None:
    run = label_here(replace(spec, start=replace(spec.start, overlap="priority")))
    key, object_id = _names(run)[0]
    shown = run_show(ShowSpec(run=run.url, key=key, object_id=object_id))
    assert [line.partition(": ")[0] for line in shown.lines] == [
        f"object {object_id} of {key}",
        "no probability maps",
    ]


def test_the_worst_object_is_shown_though_an_object_of_another_shard_has_its_name(tmp_path: Path) -> None:
    """Two shards have a sample of one key, and an object 1 in it."""
    (tmp_path / "data").mkdir()
    for index in (1, 2):
        sample = replace(shape_sample(index, num_objects=1), key="same")
        write_dataset(iter([sample]), str(tmp_path / f"{index}"), STORAGE, samples_per_shard=1)
        (shard,) = (tmp_path / f"{index}").rglob("*.tar")
        shard.rename(tmp_path / f"data/{index}.tar")
    run = label_here(
        label_spec(
            str(tmp_path / "data/*.tar"), str(tmp_path / "run"), "analytic", zoom_size=96, max_clicks=2
        )
    )
    clicked = ClickedRun.read(run.url, run.storage)
    assert clicked.objects.repeated
    strips = strips_of(clicked, 1)
    assert len({strip.png for strip in strips}) == len(strips) == 2


def test_the_command_writes_a_png_and_says_what_it_shows(spec: LabelSpec, tmp_path: Path) -> None:
    run = label_here(spec)
    key, object_id = _names(run)[0]
    out = tmp_path / "strip.png"
    told = CliRunner().invoke(app, ["show", run.url, key, object_id, "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert f"object {object_id} of {key}" in told.output
    with Image.open(out) as picture:
        assert picture.format == "PNG"


def test_a_terminal_without_pictures_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("TERM_PROGRAM", "")
    told = CliRunner().invoke(app, ["show", "nowhere", "key", "--out", "-"])
    assert told.exit_code != 0
    assert "not known to show pictures" in told.output

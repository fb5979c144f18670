"""A click log that speaks of the data in other terms is told before a run."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from infra.click_logs.load import load_click_log
from infra.click_logs.options import ClickLogOptions, ClickUnits
from infra.shards.sample import Sample
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from pipelines.errors import OptionError
from pipelines.inputs.click_log_check import check_click_log
from tests.actors.shapes import shape_sample

STORAGE = Storage()


def checked(
    tmp_path: Path,
    present: Sequence[str],
    logged: Sequence[str],
    places: Sequence[tuple[float, float]] = ((5, 7),),
    samples: Sequence[Sample] = (),
    options: ClickLogOptions = ClickLogOptions(),
) -> tuple[str, ...]:
    """Check a log with clicks at `places` (y, x) on each of the `logged` keys, against samples of `present` keys."""

    def items() -> Iterator[Sample]:
        for number, key in enumerate(present):
            yield replace(shape_sample(number), key=key)
        yield from samples

    manifest = write_dataset(items(), str(tmp_path / "data"), STORAGE, 100)
    path = tmp_path / "clicks.jsonl"
    rows = [
        {"sample_key": key, "object_id": "1", "click_idx": idx, "y": y, "x": x, "is_foreground": True}
        for key in logged
        for idx, (y, x) in enumerate(places)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return check_click_log(load_click_log(STORAGE, str(path), options), manifest, STORAGE)


@pytest.mark.parametrize(
    ("present", "logged", "remedy"),
    [
        (["a", "b"], ["a.jpg", "b.jpg"], "without the extension"),
        (["a", "b"], ["a.JPEG"], "without the extension"),
        (["a", "b"], ["later.png", "still-later.jpg"], "without the extension"),
        (["cats/a"], ["cats/a.tif"], "without the extension"),
        (["a", "b"], ["images/a", "images/b"], "without the folder"),
        (["a", "b"], ["/home/kim/images/a.png"], "without the extension"),
        (["cats/a", "cats/b"], ["a", "b"], "with the folder"),
        (["a.jpg", "b.jpg"], ["a"], "in a column called sample_key"),
        (["IMG_1", "IMG_2"], ["img_1"], "the same capital letters"),
    ],
)
def test_keys_that_are_written_another_way_are_refused_with_both_spellings(
    tmp_path: Path, present: list[str], logged: list[str], remedy: str
) -> None:
    with pytest.raises(OptionError) as caught:
        checked(tmp_path, present, logged)
    assert remedy in str(caught.value)
    assert repr(logged[0]) in str(caught.value)
    assert repr(present[0]) in str(caught.value)


@pytest.mark.parametrize(
    ("present", "logged"),
    [
        (["a", "b"], ["a"]),
        (["a", "b"], ["later"]),  # of a sample that was not looked at
        (["a.jpg", "b.jpg"], ["later.jpg"]),
        (["a", "b.jpg"], ["later.png"]),
        (["v1.2", "v1.3"], ["v1.9"]),
        (["a", "b"], ["a.jpg", "b"]),  # some are right: the others are told at the end
        (["cats/a", "b"], ["a"]),
    ],
)
def test_keys_that_may_be_right_pass(tmp_path: Path, present: list[str], logged: list[str]) -> None:
    assert checked(tmp_path, present, logged) == ()


@pytest.mark.parametrize("places", [[(0.25, 0.5)], [(0.0, 1.0), (1.0, 0.125)], [(0, 0), (0.5, 0)]])
def test_shares_of_the_image_are_no_pixels(tmp_path: Path, places: list[tuple[float, float]]) -> None:
    with pytest.raises(
        OptionError, match=r"between 0 and 1, which are shares .* give --click-units normalised"
    ):
        checked(tmp_path, ["a"], ["a"], places)


@pytest.mark.parametrize("places", [[(0, 0)], [(1, 1), (0, 1)], [(0.5, 0.5), (0.5, 1.5)], [(-0.5, 0.5)]])
def test_clicks_in_the_corner_are_pixels(tmp_path: Path, places: list[tuple[float, float]]) -> None:
    assert checked(tmp_path, ["a"], ["a"], places) == ()


def test_coordinates_that_look_like_percent_get_a_notice(tmp_path: Path) -> None:
    image = cv2.imencode(".png", np.zeros((480, 640, 3), np.uint8))[1].tobytes()
    large = Sample("large", image, "png", 480, 640)
    percent = [(9.5 * index, 99.5 - index) for index in range(10)]
    (notice,) = checked(tmp_path, [], ["large"], percent, [large])
    assert "has a coordinate above 100" in notice
    assert "480 x 640" in notice
    assert checked(tmp_path, [], ["large"], [*percent, (9.5, 400.5)], [large]) == ()
    assert checked(tmp_path, ["large"], ["large"], percent) == (), "an image of 90 pixels"

    assert checked(tmp_path, [], ["large"], percent, [large], ClickLogOptions(units="percent")) == ()
    assert "give --click-units percent" in notice


@pytest.mark.parametrize(
    ("units", "places", "passes"),
    [
        ("normalised", [(0.25, 1.0)], True),
        ("normalised", [(0.25, 0.5), (1.0, 1.5)], True),
        ("normalised", [(0.25, 70)], False),
        ("percent", [(0.25, 0.5)], True),
        ("percent", [(100, 101), (0.5, 640)], False),
    ],
)
def test_units_that_most_clicks_contradict_are_refused(
    tmp_path: Path, units: ClickUnits, places: list[tuple[float, float]], passes: bool
) -> None:
    options = ClickLogOptions(units=units)
    if passes:
        assert checked(tmp_path, ["a"], ["a"], places, (), options) == ()
    else:
        with pytest.raises(OptionError, match=f"are not {units}: give other --click-units"):
            checked(tmp_path, ["a"], ["a"], places, (), options)


def test_object_ids_that_no_object_has_are_told(tmp_path: Path) -> None:
    rows = [("a", "dog"), ("b", "cat")]
    assert len(notices_of_objects(tmp_path, rows)) == 1
    assert (
        "such as 'dog' (sample 'a'), those of the data set such as '1'"
        in notices_of_objects(tmp_path, rows)[0]
    )
    assert notices_of_objects(tmp_path, [*rows, ("b", "1")]) == ()
    assert notices_of_objects(tmp_path, [("later", "dog")]) == ()


def notices_of_objects(tmp_path: Path, clicked: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    samples = [replace(shape_sample(number), key=key) for number, key in enumerate("ab")]
    manifest = write_dataset(samples, str(tmp_path / "data"), STORAGE, 100)
    path = tmp_path / "clicks.jsonl"
    rows = [
        {"sample_key": key, "object_id": object_id, "click_idx": 0, "y": 5, "x": 7, "is_foreground": True}
        for key, object_id in clicked
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return check_click_log(load_click_log(STORAGE, str(path)), manifest, STORAGE)


def test_an_accent_is_no_other_spelling(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert checked(tmp_path, [decomposed, "Café"], [composed]) == ()

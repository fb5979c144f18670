"""The read-back notices an image or object more, less, twice, or out of its place, in every format."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from infra.errors import ExportError
from infra.exports.compared_masks import compared
from infra.exports.export_format import ExportTarget
from infra.exports.exported_sample import ExportedSample
from infra.exports.format_names import FormatName
from infra.exports.formats import FORMATS
from tests.infra.exports.drawn_samples import exported_sample, target_at, write
from tests.infra.exports.entries import ENTRIES, ImageEntry

Drawn = TypeVar("Drawn")
Damage: TypeAlias = Callable[[st.DataObject, list[ImageEntry]], None]
NUM_PLACES = 3
"""Objects lie side by side, as voc wants them."""


def an_object_more_at_the_end(data: st.DataObject, entries: list[ImageEntry]) -> None:
    entries[-1].objects.append(copy.deepcopy(draw_object(data, entries)))


def an_object_twice(data: st.DataObject, entries: list[ImageEntry]) -> None:
    entry, place = draw_place(data, entries)
    entry.objects.insert(place, copy.deepcopy(entry.objects[place]))


def an_object_less(data: st.DataObject, entries: list[ImageEntry]) -> None:
    entry, place = draw_place(data, entries)
    del entry.objects[place]


def an_object_in_the_wrong_image(data: st.DataObject, entries: list[ImageEntry]) -> None:
    entry, place = draw_place(data, entries)
    others = [other for other in entries if other is not entry]
    assume(others)
    other = data.draw(st.sampled_from(others))
    other.objects.insert(data.draw(st.integers(0, len(other.objects))), entry.objects.pop(place))


def objects_in_place_of_each_other(data: st.DataObject, entries: list[ImageEntry]) -> None:
    places = [(entry, place) for entry in entries for place in range(len(entry.objects))]
    (entry, place), (other, other_place) = draw_two(data, places)
    one = entry.objects[place]
    entry.objects[place], other.objects[other_place] = other.objects[other_place], one


def an_image_more_at_the_end(data: st.DataObject, entries: list[ImageEntry]) -> None:
    entries.append(copy.deepcopy(data.draw(st.sampled_from(entries))))


def an_image_less(data: st.DataObject, entries: list[ImageEntry]) -> None:
    del entries[data.draw(st.integers(0, len(entries) - 1))]


def images_in_place_of_each_other(data: st.DataObject, entries: list[ImageEntry]) -> None:
    one, other = draw_two(data, range(len(entries)))
    entries[one], entries[other] = entries[other], entries[one]


DAMAGES: Sequence[Damage] = (
    an_object_more_at_the_end,
    an_object_twice,
    an_object_less,
    an_object_in_the_wrong_image,
    objects_in_place_of_each_other,
    an_image_more_at_the_end,
    an_image_less,
    images_in_place_of_each_other,
)


def draw_place(data: st.DataObject, entries: Sequence[ImageEntry]) -> tuple[ImageEntry, int]:
    places = [(entry, place) for entry in entries for place in range(len(entry.objects))]
    assume(places)
    return data.draw(st.sampled_from(places))


def draw_two(data: st.DataObject, choices: Sequence[Drawn]) -> tuple[Drawn, Drawn]:
    assume(len(choices) > 1)
    last = len(choices) - 1
    one = data.draw(st.integers(0, last - 1))
    return choices[one], choices[data.draw(st.integers(one + 1, last))]


def draw_object(data: st.DataObject, entries: Sequence[ImageEntry]) -> object:
    entry, place = draw_place(data, entries)
    return entry.objects[place]


@st.composite
def samples(draw: st.DrawFn) -> list[ExportedSample]:
    """Two or three images of objects of two classes, whose ids are the same in every image."""
    drawn = []
    for key in ("a", "b/c", "d")[: draw(st.integers(2, 3))]:
        places = draw(st.lists(st.integers(0, NUM_PLACES - 1), max_size=3, unique=True))
        masks = []
        for place in places:
            mask = np.zeros((4, 2 * NUM_PLACES), np.bool_)
            mask[draw(st.integers(0, 2)) :, 2 * place : 2 * place + 2] = True
            masks.append(mask)
        classes = [draw(st.sampled_from(["cat", "dog"])) for _ in masks]
        drawn.append(exported_sample(key, masks, classes))
    return drawn


def read_back(name: FormatName, target: ExportTarget, drawn: Sequence[ExportedSample]) -> list[float]:
    known = FORMATS[name]
    is_exact = target.shape in known.exact_shapes
    found = []
    with closing(known.read(target)) as reader:
        for sample in drawn:
            found += [one.kept_iou for one in compared(sample, reader, name, is_exact=is_exact)]
        reader.finish()
    return found


def files_of(folder: Path) -> Mapping[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=10)
@given(drawn=samples())
def test_entries_that_were_taken_out_and_put_back_are_no_damage(
    name: FormatName, drawn: list[ExportedSample]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = target_at(folder)
        write(FORMATS[name], target, drawn)
        entries = ENTRIES[name].read(Path(folder))
        num_objects = sum(len(sample.objects) for sample in drawn)
        assert sum(len(entry.objects) for entry in entries) == num_objects
        ENTRIES[name].write(Path(folder), entries)
        assert read_back(name, target, drawn) == [1.0] * num_objects


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=10)
@given(data=st.data())
def test_what_is_more_or_less_or_twice_or_out_of_place_is_noticed(
    name: FormatName, damage: Damage, data: st.DataObject
) -> None:
    drawn = data.draw(samples())
    with tempfile.TemporaryDirectory() as folder:
        target = target_at(folder)
        write(FORMATS[name], target, drawn)
        ENTRIES[name].write(Path(folder), ENTRIES[name].read(Path(folder)))
        before, entries = files_of(Path(folder)), ENTRIES[name].read(Path(folder))
        assume(entries)
        damage(data, entries)
        ENTRIES[name].write(Path(folder), entries)
        assume(files_of(Path(folder)) != before)
        with pytest.raises(ExportError, match="export again") as caught:
            read_back(name, target, drawn)
        assert "\n" not in str(caught.value)

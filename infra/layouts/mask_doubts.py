"""Masks that are probably not what their owner means by them: inverted ones, frames, specks."""

from __future__ import annotations

from collections.abc import Iterator

from infra import rle
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.sample import Sample

_NEARLY_ALL = 0.95
_SPECK_PIXELS = 10
_INVERTED = (
    "are the masks inverted? (layouts folder, davis, voc: --object-values 0; in colours the object's, such as "
    "'#ff0000'; transparent if the object is a hole)"
)
_COVERS = f"objects that cover {_NEARLY_ALL:.0%} of their image or more: {_INVERTED}"
_TOUCHES = f"objects that touch all four borders of their image: {_INVERTED}"
_SPECK = f"objects of fewer than {_SPECK_PIXELS} pixels: are they strays of a mask that was resized?"


def doubts_of(sample: Sample) -> Iterator[SourceNote]:
    """Yield what is strange about the masks of a sample, at most one note an object."""
    for truth in sample.objects:
        area = rle.area(truth.rle, sample.height, sample.width)
        if area >= _NEARLY_ALL * sample.height * sample.width:
            yield SourceNote(Topic.DOUBT, _COVERS, sample.key)
        elif rle.bbox(truth.rle, sample.height, sample.width) == (0, 0, sample.width, sample.height):
            yield SourceNote(Topic.DOUBT, _TOUCHES, sample.key)
        elif area < _SPECK_PIXELS:
            yield SourceNote(Topic.DOUBT, _SPECK, sample.key)

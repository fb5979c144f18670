"""What there is to do of a shard: all that has a mask, or what a click log or start lists; the rest is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from actors.labelling.given import Given
from infra.errors import Reason
from infra.runs.commit import Unclicked
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote

ClickedItem: TypeAlias = ShardItem | ShardNote | Unclicked

_UNMASKED = "samples without any mask, on which clicks cannot be simulated: left out"
_NO_MASK = "objects of click log or start that are not among those of their sample: made without truth"
_NO_TRUTH = (
    "objects of the start that are not among those of their sample: no clicks can be simulated, left out"
)
_NO_START = "objects of the click log that have no mask or box of their id: they start from nothing"
_ALL_LOST = (
    "all objects that the data set has for this sample were set aside, and the sample with them: the clicks on this "
    "object were not made"
)


def clicked_items(items: Iterable[ShardItem | ShardNote], given: Given) -> Iterator[ClickedItem]:
    """Yield samples with the objects that are to be clicked, records, notes, and what is left out.

    A log or start may cover a part of the data. What it does not list is left out and counted; its defects are no
    errors of the run. If clicks are simulated from nothing everything with a mask is clicked.
    """
    if given.takes_every_mask:
        for item in items:
            has_nothing = isinstance(item, Sample) and not item.objects
            yield ShardNote(_UNMASKED, item.key) if has_nothing else item
        return
    of_objects: list[QuarantinedSample] = []  # of the sample that comes next, if any of it is left
    for item in items:
        if isinstance(item, ShardNote):
            yield item
            continue
        if of_objects and item.key != of_objects[0].key:
            yield from _of_lost_sample(of_objects, given)
            of_objects = []
        if isinstance(item, Sample):
            yield from _of_sample(item, of_objects, given)
            of_objects = []
        elif item.object_id is None:
            yield item if given.listed(item.key) else Unclicked(samples=1)
            of_objects = []
        else:
            yield from _of_object(item, given)
            of_objects.append(item)
    if of_objects:
        yield from _of_lost_sample(of_objects, given)


def _of_sample(sample: Sample, set_aside: list[QuarantinedSample], given: Given) -> Iterator[ClickedItem]:
    listed = set(given.listed(sample.key))
    if not listed:
        yield Unclicked(samples=1)
        return
    present = [truth.object_id for truth in sample.objects] + [str(record.object_id) for record in set_aside]
    if present or given.needs_truth:  # without any mask a log names objects as it likes
        text = _NO_TRUTH if given.needs_truth else _NO_MASK
        yield from (
            ShardNote(text, f"{sample.key} object {object_id}")
            for object_id in sorted(listed.difference(present))
        )
    yield from (
        ShardNote(_NO_START, f"{sample.key} object {name}") for name in given.without_start(sample.key)
    )
    clicked = tuple(truth for truth in sample.objects if truth.object_id in listed)
    if len(clicked) < len(sample.objects):
        yield Unclicked(objects=len(sample.objects) - len(clicked))
    if clicked or not given.needs_truth:
        yield replace(sample, objects=clicked)


def _of_object(record: QuarantinedSample, given: Given) -> Iterator[ClickedItem]:
    listed = given.listed(record.key)
    if record.object_id in listed:
        yield record
    elif listed:
        yield Unclicked(objects=1)  # else its sample is counted


def _of_lost_sample(records: list[QuarantinedSample], given: Given) -> Iterator[ClickedItem]:
    key = records[0].key
    listed = set(given.listed(key))
    if not listed:
        yield Unclicked(samples=1)
    for object_id in sorted(listed - {str(record.object_id) for record in records}):
        yield QuarantinedSample(key, Reason.MISSING_IMAGE, _ALL_LOST, object_id)

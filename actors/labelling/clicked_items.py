"""What there is to do of a shard: all that has a mask, or what a click log has clicks on; the rest is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from actors.specs.clicks import Simulated
from infra.click_log import ClickLog
from infra.errors import Reason
from infra.runs.commit import Unclicked
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote

ClickedItem: TypeAlias = ShardItem | ShardNote | Unclicked

_UNMASKED = "samples without any mask, on which clicks cannot be simulated: left out"
_NO_MASK = "objects of the click log that are not among those of their sample: clicked without truth"
_ALL_LOST = (
    "all objects that the data set has for this sample were set aside, and the sample with them: the clicks on this "
    "object were not made"
)


def clicked_items(items: Iterable[ShardItem | ShardNote], log: ClickLog | Simulated) -> Iterator[ClickedItem]:
    """Yield samples with the objects that are to be clicked, records, notes, and what the click log leaves out.

    A log may cover a part of the data. What nobody clicked is left out and counted; its defects are no errors of the
    run. If clicks are simulated everything with a mask is clicked.
    """
    if isinstance(log, Simulated):
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
            yield from _of_lost_sample(of_objects, log)
            of_objects = []
        if isinstance(item, Sample):
            yield from _of_sample(item, of_objects, log)
            of_objects = []
        elif item.object_id is None:
            yield item if log.objects_of(item.key) else Unclicked(samples=1)
            of_objects = []
        else:
            yield from _of_object(item, log)
            of_objects.append(item)
    if of_objects:
        yield from _of_lost_sample(of_objects, log)


def _of_sample(sample: Sample, set_aside: list[QuarantinedSample], log: ClickLog) -> Iterator[ClickedItem]:
    logged = log.objects_of(sample.key)
    if not logged:
        yield Unclicked(samples=1)
        return
    present = [truth.object_id for truth in sample.objects] + [str(record.object_id) for record in set_aside]
    if present:  # without any mask a log names objects as it likes
        yield from (
            ShardNote(_NO_MASK, f"{sample.key} object {object_id}")
            for object_id in sorted(logged.keys() - set(present))
        )
    clicked = tuple(truth for truth in sample.objects if truth.object_id in logged)
    if len(clicked) < len(sample.objects):
        yield Unclicked(objects=len(sample.objects) - len(clicked))
    yield replace(sample, objects=clicked)


def _of_object(record: QuarantinedSample, log: ClickLog) -> Iterator[ClickedItem]:
    logged = log.objects_of(record.key)
    if record.object_id in logged:
        yield record
    elif logged:
        yield Unclicked(objects=1)  # else its sample is counted


def _of_lost_sample(records: list[QuarantinedSample], log: ClickLog) -> Iterator[ClickedItem]:
    key = records[0].key
    logged = log.objects_of(key)
    if not logged:
        yield Unclicked(samples=1)
    for object_id in sorted(logged.keys() - {record.object_id for record in records}):
        yield QuarantinedSample(key, Reason.MISSING_IMAGE, _ALL_LOST, object_id)

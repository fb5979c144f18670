"""Which objects of a run tell most about it: the worst, those in the middle, and the best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mfp.metrics import ious_after
from pipelines.jobs.relabel import ObjectName
from pipelines.jobs.run_objects import RunObjects

Role: TypeAlias = Literal["worst", "median", "best"]


@dataclass(frozen=True)
class TellingObject:
    """An object of a shard and why it was chosen; `score` in [0, 1] is what objects were ranked by."""

    role: Role
    shard: str
    name: ObjectName
    score: float


def telling_objects(objects: RunObjects, max_clicks: int, each: int) -> tuple[TellingObject, ...]:
    """Choose `each` of the worst, of those around the median, and of the best objects, no object twice.

    Objects with truth are ranked by their mean IoU over clicks 1 to `max_clicks`: low if the last mask is bad, and if
    it took long. If none has truth they are ranked by the quality of the last mask. Equal ones go by sample key and id.
    """
    known = objects.has_truth
    if known.any():
        ious = objects.ious(known)
        score = np.mean([ious_after(ious, click) for click in range(1, max_clicks + 1)], axis=0)
        rows = np.flatnonzero(known)
    else:
        quality = objects.column("quality").astype(np.float64)
        rows = np.flatnonzero(~np.isnan(quality))
        score = quality[rows]
    keys, ids, shards = (objects.column(name)[rows] for name in ("sample_key", "object_id", "shard"))
    ranked = np.array(
        sorted(range(len(rows)), key=lambda place: (score[place], keys[place], ids[place])), np.int64
    )
    return tuple(
        TellingObject(role, str(shards[place]), (str(keys[place]), str(ids[place])), float(score[place]))
        for role, places in _places(len(ranked), each)
        for place in ranked[places]
    )


def _places(count: int, each: int) -> Iterator[tuple[Role, NDArray[np.int64]]]:
    """Places in a ranking from worst to best; of few objects the worst come first."""
    worst = np.arange(min(each, count))
    best = np.arange(max(count - each, len(worst)), count)
    middle = max(0, (count - each) // 2)
    median = np.arange(max(middle, len(worst)), min(middle + each, count - len(best)))
    yield "worst", worst
    yield "median", median
    yield "best", best[::-1]

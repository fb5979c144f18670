"""How far quality can be trusted after each number of clicks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.json_text import JsonValue
from infra.strict_json import to_json
from mfp.quality_figures import QualityFigures
from pipelines.jobs.run_objects import RunObjects

SHOWN_CLICKS: Final = (1, 2, 3, 5, 10, 20)


@dataclass(frozen=True)
class QualityAfterClicks:
    """Of the masks after so many clicks; an object that has ended before has its last mask."""

    num_clicks: int
    figures: QualityFigures

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        return {"num_clicks": self.num_clicks, **to_json(self.figures)}


def rows_after(
    object_idx: NDArray[np.int64], click_idx: NDArray[np.int64], num_clicks: int
) -> NDArray[np.int64]:
    """The row of each object's last click among its first `num_clicks`; of (N,) rows in any order.

    Objects without a click are left out.
    """
    made = np.flatnonzero((click_idx >= 0) & (click_idx < num_clicks))
    ordered = made[np.lexsort((click_idx[made], object_idx[made]))]
    is_last = np.append(object_idx[ordered][1:] != object_idx[ordered][:-1], True)[: len(ordered)]
    last: NDArray[np.int64] = ordered[is_last]
    return last


def shown_clicks_of(click_idx: NDArray[np.int64]) -> tuple[int, ...]:
    """The numbers of clicks that are shown, up to the most that an object has."""
    most = int(click_idx.max(initial=-1)) + 1
    return tuple(number for number in SHOWN_CLICKS if number <= most)


def quality_by_clicks(objects: RunObjects) -> Iterator[QualityAfterClicks]:
    """Of the objects of a run whose masks have both quality and IoU."""
    for number in shown_clicks_of(objects.click_idx):
        rows = rows_after(objects.object_idx, objects.click_idx, number)
        quality, iou = objects.quality[rows], objects.iou[rows]
        known = np.isfinite(quality) & np.isfinite(iou)
        if known.any():
            yield QualityAfterClicks(number, QualityFigures.of(quality[known], iou[known]))

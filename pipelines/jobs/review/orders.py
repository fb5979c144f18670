"""In which order the objects of a run are looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from infra.runs.audit_draw import audit_place
from pipelines.jobs.review.run_rows import RunRow

OrderName: TypeAlias = Literal["worst", "gain", "audit"]


def expected_error(row: RunRow) -> float:
    """Pixels of a mask that are expected to be wrong: (1 - quality) x area; 0 if no model has seen the mask."""
    return 0.0 if row.quality is None else (1 - row.quality) * row.area


def gain(row: RunRow) -> float:
    """Expected wrong pixels for each click that the object will have had after the next one.

    An object that is still bad after many clicks yields less to the next than one that is bad after its first (ours; an
    order, and no forecast).
    """
    return expected_error(row) / (row.num_clicks + 1)


def _worst(row: RunRow, seed: int) -> float:
    return math.inf if row.quality is None else row.quality


def _most_gain(row: RunRow, seed: int) -> float:
    return -gain(row)


def _drawn(row: RunRow, seed: int) -> float:
    """A place that depends on the object and the seed alone, so that an audit that goes on is the same one."""
    return audit_place(seed, row.digest)[0]


ORDERS: Final[Mapping[OrderName, Callable[[RunRow, int], float]]] = {
    "worst": _worst,
    "gain": _most_gain,
    "audit": _drawn,
}
"""What objects are sorted by, the smallest first: the lowest quality; the most gain; at random, by a seed."""


def in_order(rows: Sequence[RunRow], order: OrderName, seed: int) -> list[RunRow]:
    """The rows in that order; equals by their digest, so that it is one order."""
    key = ORDERS[order]
    return sorted(rows, key=lambda row: (key(row, seed), row.digest))

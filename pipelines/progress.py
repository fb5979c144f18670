"""How far a job is, and how that is shown to a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ProgressReport:
    """Totals of a job so far. The first report of a resumed job holds what earlier runs had done.

    `done` and `total` count objects when labelling, samples when sharding, steps when training; `total` None
    is not known yet. `quarantined` counts rows of the errors table. `note` is a short remark such as a loss.
    """

    done: int
    total: int | None = None
    clicks: int = 0
    quarantined: int = 0
    note: str = ""


OnProgress = Callable[[ProgressReport], None]

"""How far a job is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ProgressReport:
    """Totals of a job so far. The first report of a resumed job holds what earlier runs had done.

    `done` and `total` count objects when labelling, samples when sharding, steps when training; `total` None
    is not known yet. `quarantined` counts rows of the errors table (None: the job has none). `note` is a
    short remark such as a loss. `notice` is a sentence to say once, and to leave on the screen. `stage` names the part
    of a job that has several.
    """

    done: int
    total: int | None = None
    clicks: int = 0
    quarantined: int | None = None
    note: str = ""
    notice: str = ""
    stage: str = ""


OnProgress = Callable[[ProgressReport], None]

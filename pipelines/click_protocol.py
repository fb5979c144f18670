"""How the objects of a run were clicked, and which NoC can be told from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.errors import RunDirectoryError
from infra.runs.run_config import RUN_FILE
from infra.runs.run_directory import RunDirectory
from mfp.metrics import MAX_CLICKS, ClickIous


@dataclass(frozen=True)
class ClickProtocol:
    """How a run was clicked.

    `max_clicks` is what an object costs that never reaches an IoU. `target_iou` None: nothing stopped a session early.
    """

    is_logged: bool
    max_clicks: int
    target_iou: float | None

    @classmethod
    def of(cls, run: RunDirectory) -> ClickProtocol:
        """Read it from run.json. RunDirectoryError if there is no run, or none that clicks."""
        clicks = run.config().get("clicks")
        match clicks:
            case {
                "source": "logged",
                "max_clicks": None | int() as given,
                "target_iou": None | int() | float() as target,
            }:
                # a log that was replayed to its end may be of any length; the protocol counts this many
                return cls(
                    is_logged=True, max_clicks=MAX_CLICKS if given is None else given, target_iou=target
                )
            case {
                "source": "simulated",
                "max_clicks": int(max_clicks),
                "target_iou": None | int() | float() as target,
            }:
                return cls(is_logged=False, max_clicks=max_clicks, target_iou=target)
        raise RunDirectoryError(
            f"{run.url} is no labelling run: `clicks` in its {RUN_FILE} is {clicks!r}; "
            "give what `mfp label` or `mfp evaluate` had as --out"
        )

    def defines_noc(self, ious: ClickIous, threshold: float) -> bool:
        """Tell whether NoC is known: no session may have ended below the threshold with clicks left."""
        if ious.num_objects == 0:
            return False
        if not self.is_logged:
            return self.target_iou is None or threshold <= self.target_iou
        num_clicks = np.diff(ious.first, append=len(ious.iou))
        best = np.maximum.reduceat(ious.iou, ious.first)
        return not ((best < threshold) & (num_clicks < self.max_clicks)).any()

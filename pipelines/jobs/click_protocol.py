"""How the objects of a run were clicked, and which NoC can be told from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actors.specs.clicks import Logged
from infra.runs.run_directory import RunDirectory
from mfp.evaluation_protocol import MAX_CLICKS
from mfp.metrics import ClickIous
from pipelines.inputs.run_record import LabelRecord, read_record


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
        clicks = read_record(LabelRecord, run.url, run.storage).spec.clicks
        # a log that was replayed to its end may be of any length; the protocol counts this many
        most = clicks.max_clicks if isinstance(clicks.max_clicks, int) else MAX_CLICKS
        target = clicks.target_iou if isinstance(clicks.target_iou, float) else None
        return cls(isinstance(clicks.origin, Logged), most, target)

    def defines_noc(self, ious: ClickIous, threshold: float) -> bool:
        """Tell whether NoC is known: no session may have ended below the threshold with clicks left."""
        if ious.num_objects == 0:
            return False
        if not self.is_logged:
            return self.target_iou is None or threshold <= self.target_iou
        num_clicks = np.diff(ious.first, append=len(ious.iou))
        best = np.maximum.reduceat(ious.iou, ious.first)
        return not ((best < threshold) & (num_clicks < self.max_clicks)).any()

"""How the objects of a run were clicked, and which NoC can be told from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actors.specs.clicks import BOX_CENTRE, PROTOCOL, Logged, Simulated
from actors.specs.prefixed import prefix_of
from actors.specs.start import Start
from infra.layout_options import LayoutOptions
from infra.runs.run_directory import RunDirectory
from mfp.evaluation_protocol import MAX_CLICKS
from mfp.metrics import ClickIous
from mfp.stop_reason import StopReason
from pipelines.inputs.run_record import LabelRecord, read_record

LOGGED = "logged"
_FAILED = (StopReason.MAX_CLICKS, StopReason.ERRORS_CLICKED, StopReason.PERFECT)
"""Ends after which an object would never have got further."""


@dataclass(frozen=True)
class ClickProtocol:
    """How a run was clicked.

    Attributes:
        user: who clicked: the name of a simulated user, LOGGED or BOX_CENTRE.
        max_clicks: what an object costs that never reaches an IoU.
        target_iou: None: nothing stopped a session early.
        start: what objects started from, and what clicks changed then.
    """

    user: str
    max_clicks: int
    target_iou: float | None
    start: Start

    @classmethod
    def of(cls, run: RunDirectory) -> ClickProtocol:
        """Read it from run.json. RunDirectoryError if there is no run, or none that clicks."""
        spec = read_record(LabelRecord, run.url, run.storage).spec
        clicks, origin = spec.clicks, spec.clicks.origin
        # a log that was replayed to its end may be of any length; the protocol counts this many
        most = clicks.max_clicks if isinstance(clicks.max_clicks, int) else MAX_CLICKS
        target = clicks.target_iou if isinstance(clicks.target_iou, float) else None
        user = (
            origin.user
            if isinstance(origin, Simulated)
            else LOGGED
            if isinstance(origin, Logged)
            else BOX_CENTRE
        )
        return cls(user, most, target, spec.start)

    @property
    def is_simulated(self) -> bool:
        """Whether a simulated user clicked."""
        return self.user not in {LOGGED, BOX_CENTRE}

    @property
    def is_published_one(self) -> bool:
        """Whether the user was that of published figures."""
        return self.user == PROTOCOL

    @property
    def start_of_masks(self) -> Start:
        """How objects start, without the place of masks or boxes."""
        prefix = prefix_of(self.start.source)
        return replace(self.start, source=f"{prefix}there", masks=LayoutOptions()) if prefix else self.start

    @property
    def start_in_words(self) -> str:
        """What objects start from, and what a click changes if that is a choice."""
        changes = f" with {self.start.changes} changes" if self.start.is_from_masks else ""
        return f"{self.start.source}{changes}"

    def defines_noc(self, ious: ClickIous, stop_reasons: NDArray[np.object_], threshold: float) -> bool:
        """Tell whether NoC is known: no session may have ended below the threshold that could have gone on.

        `stop_reasons` are those of the objects of `ious`, (num_objects,).
        """
        if ious.num_objects == 0:
            return False
        if self.is_simulated and self.target_iou is not None and threshold > self.target_iou:
            return False
        could_go_on = ~np.isin(stop_reasons.astype(str), _FAILED) & (ious.num_clicks < self.max_clicks)
        return not ((ious.best < threshold) & could_go_on).any()

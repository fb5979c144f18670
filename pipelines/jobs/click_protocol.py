"""How the objects of a run were clicked, and which NoC can be told from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from actors.specs.clicks import BOX_CENTRE, PROTOCOL, Logged, Simulated
from actors.specs.label import LabelSpec
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
        return cls.of_spec(read_record(LabelRecord, run.url, run.storage).spec)

    @classmethod
    def of_spec(cls, spec: LabelSpec) -> ClickProtocol:
        """That of a run with a resolved specification."""
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
        return not self.could_go_on(ious, stop_reasons, threshold).any()

    def could_go_on(
        self, ious: ClickIous, stop_reasons: NDArray[np.object_], threshold: float
    ) -> NDArray[np.bool_]:
        """(num_objects,): whether a session ended below the threshold, and might have reached it later."""
        open_ended = ~np.isin(stop_reasons.astype(str), _FAILED) & (ious.num_clicks < self.max_clicks)
        below: NDArray[np.bool_] = ious.best < threshold
        return below & open_ended


def differing_clicks(one: LabelRecord, other: LabelRecord) -> str:
    """Why NoC of two runs differs by more than the model, as far as their records say; empty if it does not."""
    mine, theirs = ClickProtocol.of_spec(one.spec), ClickProtocol.of_spec(other.spec)
    if mine.user != theirs.user:
        return f"clicks of {mine.user} and of {theirs.user}"
    if mine.start_of_masks != theirs.start_of_masks:
        return f"starts: {', '.join(_differing_start_settings(mine, theirs))}"
    if one.given.start != other.given.start:
        return f"starts of other contents, {mine.start_in_words} and {theirs.start_in_words}"
    return ""


def _differing_start_settings(one: ClickProtocol, other: ClickProtocol) -> Iterator[str]:
    if one.start_of_masks.source != other.start_of_masks.source:
        yield f"{one.start.source} and {other.start.source}"
    for name in [field.name for field in fields(Start) if field.name != "source"]:
        mine, theirs = getattr(one.start_of_masks, name), getattr(other.start_of_masks, name)
        if mine != theirs:
            yield f"--{name.replace('_', '-')} {mine} and {theirs}"

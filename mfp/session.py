"""A session: one object, clicked from an empty mask until it is good enough or nothing is left to click.

The values a caller hands to the engine and gets back; what changes while a session runs is in session_state.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mfp.clicks import Click
from mfp.errors import ClickError, ImageSizeError
from mfp.evaluation_protocol import MAX_CLICKS, TARGET_IOU
from mfp.region import Region
from mfp.simulated_user import next_click

Image = npt.NDArray[np.uint8]
Truth = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]


class StopReason(StrEnum):
    """Why a session ended."""

    TARGET_REACHED = "target_reached"
    """The IoU reached the target after at least the minimum number of clicks."""
    PERFECT = "perfect"
    """The mask is the truth: there is nothing left to click."""
    ERRORS_CLICKED = "errors_clicked"
    """The mask is wrong, but the simulated user has clicked every wrong pixel before: the model does not follow."""
    MAX_CLICKS = "max_clicks"
    """As many clicks as the limit allows were made."""
    CLICKS_EXHAUSTED = "clicks_exhausted"
    """Every logged click has been made."""


class ClickSource(Protocol):
    """Where the clicks of a session come from. Stateless: `clicks` says how far a session is."""

    @property
    def name(self) -> str:
        """Written beside every click that the source makes."""

    def check(self, truth: Truth | None, height: int, width: int) -> None:
        """Raise ClickError if the source cannot work on an image of that many pixels with that truth."""

    def next_click(self, truth: Truth | None, mask: Mask, clicks: Sequence[Click]) -> Click | StopReason:
        """The click, in image pixels, that follows `clicks` on seeing the mask they made, or why there is none.

        `truth` and `mask` are (H, W); truth is 1 object, 0 background, -1 ignore.
        """


@dataclass(frozen=True)
class SimulatedClicks:
    """Clicks of the evaluation protocol: the pixel deepest inside the error of the current mask."""

    name: str = "simulated"

    def check(self, truth: Truth | None, height: int, width: int) -> None:
        """See ClickSource."""
        if truth is None:
            raise ClickError("simulated clicks: the object has no truth mask; give one, or use logged clicks")

    def next_click(self, truth: Truth | None, mask: Mask, clicks: Sequence[Click]) -> Click | StopReason:
        """See ClickSource."""
        assert truth is not None, "checked when the session was made"
        click = next_click(truth, mask, clicks)
        if click is not None:
            return click
        is_wrong = ((truth == 1) & ~mask).any() or ((truth == 0) & mask).any()
        return StopReason.ERRORS_CLICKED if is_wrong else StopReason.PERFECT


@dataclass(frozen=True)
class LoggedClicks:
    """Clicks that were recorded, replayed in their order whatever the mask looks like."""

    clicks: tuple[Click, ...]
    name: str = "logged"

    def check(self, truth: Truth | None, height: int, width: int) -> None:
        """See ClickSource."""
        for index, click in enumerate(self.clicks):
            if not (0 <= click.y < height and 0 <= click.x < width):
                raise ClickError(
                    f"logged click {index} at (y {click.y}, x {click.x}) lies outside the image of "
                    f"{height}x{width} pixels; mend the click log"
                )

    def next_click(self, truth: Truth | None, mask: Mask, clicks: Sequence[Click]) -> Click | StopReason:
        """See ClickSource."""
        return self.clicks[len(clicks)] if len(clicks) < len(self.clicks) else StopReason.CLICKS_EXHAUSTED


@dataclass(frozen=True)
class SessionLimits:
    """When a session ends although its source would go on.

    Attributes:
        max_clicks: the session ends after that many. None: its source ends it.
        min_clicks: reaching the target does not end the session before that many.
        target_iou: in [0, 1]; the session ends at an IoU at least this large. None: no target. Without truth
            it has no effect.
    """

    max_clicks: int | None = MAX_CLICKS
    min_clicks: int = 1
    target_iou: float | None = TARGET_IOU

    def __post_init__(self) -> None:
        if self.min_clicks < 1 or (self.max_clicks is not None and self.max_clicks < self.min_clicks):
            raise ValueError(
                f"need 1 <= min_clicks {self.min_clicks} <= max_clicks {self.max_clicks}: change one of them"
            )
        if self.target_iou is not None and not 0 <= self.target_iou <= 1:
            raise ValueError(f"target_iou {self.target_iou}: must lie in [0, 1], or be None for no target")


@dataclass(frozen=True, eq=False)
class Session:
    """One object to click.

    Attributes:
        key: handed back with the result; the engine does not read it.
        image: (H, W, 3) uint8 RGB; sessions on one image may share the array.
        truth: (H, W) int8: 1 object, 0 background, -1 ignore; None if there is none.
        clicks: where the clicks come from.
        limits: when to end.

    Raises:
        ImageSizeError: the image is not (H, W, 3) uint8, or the truth is of another size or type.
        ClickError: the source cannot work here (simulated without truth, a logged click outside the image).
    """

    key: Hashable
    image: Image
    truth: Truth | None
    clicks: ClickSource
    limits: SessionLimits = SessionLimits()

    def __post_init__(self) -> None:
        image, truth = self.image, self.truth
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ImageSizeError(f"image {image.shape} {image.dtype}: must be (H, W, 3) uint8; convert it")
        if truth is not None and (truth.shape != image.shape[:2] or truth.dtype != np.int8):
            raise ImageSizeError(
                f"truth {truth.shape} {truth.dtype}, image {image.shape[:2]}: must be int8 of the same size"
            )
        self.clicks.check(truth, image.shape[0], image.shape[1])


@dataclass(frozen=True)
class ClickRecord:
    """One click and what came of it.

    Attributes:
        click: in image pixels.
        source: name of the click source.
        iou: of the mask after the click; None without truth, or where the union is empty.
        area: pixels of the mask after the click.
        changed_fraction: share of the image's pixels that changed sides, in [0, 1].
        region: the part of the image that the network saw.
        seconds: wall time of the whole loop, not of the network: that of the step divided by its sessions.
    """

    click: Click
    source: str
    iou: float | None
    area: int
    changed_fraction: float
    region: Region
    seconds: float


@dataclass(frozen=True, eq=False)
class FinishedSession:
    """The outcome of a session.

    Attributes:
        key: of the session.
        mask: (H, W) bool; empty if no click was made.
        clicks: in the order they were made.
        stop_reason: why it ended.
        iou: after the last click; None without truth, or where the union is empty.
        quality: in [0, 1], needs no truth: the IoU that the probabilities expect of their own mask, in the region that
            the network saw last (`mfp.session_state.expected_iou`).
        prob: (H, W) float32, the final probability map.
        threshold: `mask` is where `prob` is larger.
    """

    key: Hashable
    mask: Mask
    clicks: tuple[ClickRecord, ...]
    stop_reason: StopReason
    iou: float | None
    quality: float
    prob: npt.NDArray[np.float32]
    threshold: float

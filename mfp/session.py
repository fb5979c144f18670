"""A session: one object, clicked until it is good enough or nothing is left to click.

The values a caller hands to the engine and gets back; what changes while a session runs is in session_state.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from mfp.clicks import Click
from mfp.errors import ClickError, ImageSizeError
from mfp.evaluation_protocol import MAX_CLICKS, TARGET_IOU
from mfp.mask_signals import MaskSignals
from mfp.region import Region
from mfp.start import FROM_NOTHING, FromMask, Start, StartKind
from mfp.stop_reason import StopReason
from mfp.users.draws import ClickSeed
from mfp.users.protocol_user import ProtocolUser
from mfp.users.simulated_user import SimulatedUser

Image = npt.NDArray[np.uint8]
Truth = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]
Changes: TypeAlias = Literal["global", "local"]


@dataclass(frozen=True)
class MadeClick:
    """A click of a source; `is_clamped` if it was aimed outside the image, and made on the nearest pixel of it."""

    click: Click
    is_clamped: bool = False


class ClickSource(Protocol):
    """Where the clicks of a session come from. Stateless: `clicks` says how far a session is."""

    @property
    def name(self) -> str:
        """Written beside every click that the source makes."""

    def check(self, truth: Truth | None, height: int, width: int) -> None:
        """Raise ClickError if the source cannot work on an image of that many pixels with that truth."""

    def next_clicks(
        self, truth: Truth | None, mask: Mask, clicks: Sequence[Click]
    ) -> tuple[MadeClick, ...] | StopReason:
        """The clicks, in image pixels, that follow `clicks` before the mask is looked at again, or why there are none.

        `truth` and `mask` are (H, W); truth is 1 object, 0 background, -1 ignore. Most sources make one click a look.
        """


@dataclass(frozen=True)
class SimulatedClicks:
    """Clicks of a simulated user, by default that of the evaluation protocol. `seed` is that of its random draws."""

    user: SimulatedUser = ProtocolUser()
    seed: ClickSeed = ClickSeed(0, "", "")

    @property
    def name(self) -> str:
        """See ClickSource."""
        return "simulated"

    def check(self, truth: Truth | None, height: int, width: int) -> None:
        """See ClickSource."""
        if truth is None:
            raise ClickError("simulated clicks: the object has no truth mask; give one, or use logged clicks")

    def next_clicks(
        self, truth: Truth | None, mask: Mask, clicks: Sequence[Click]
    ) -> tuple[MadeClick, ...] | StopReason:
        """See ClickSource."""
        assert truth is not None, "checked when the session was made"
        made = self.user.next_click(truth, mask, clicks, self.seed.draw(len(clicks)))
        return made if isinstance(made, StopReason) else (MadeClick(made.click, made.is_clamped),)


@dataclass(frozen=True)
class LoggedClicks:
    """Clicks that were recorded, replayed in their order whatever the mask looks like.

    Attributes:
        clicks: in image pixels.
        looks: which look at the mask each click follows, never falling; clicks of one look are made in a row, and one
            mask comes of them. Empty: every click follows a look of its own.
        name: see ClickSource.
    """

    clicks: tuple[Click, ...]
    looks: tuple[int, ...] = ()
    name: str = "logged"

    def check(self, truth: Truth | None, height: int, width: int) -> None:
        """See ClickSource."""
        for index, click in enumerate(self.clicks):
            if not (0 <= click.y < height and 0 <= click.x < width):
                raise ClickError(
                    f"logged click {index} at (y {click.y}, x {click.x}) lies outside the image of "
                    f"{height}x{width} pixels; mend the click log"
                )

    def next_clicks(
        self, truth: Truth | None, mask: Mask, clicks: Sequence[Click]
    ) -> tuple[MadeClick, ...] | StopReason:
        """See ClickSource."""
        first = len(clicks)
        if first >= len(self.clicks):
            return StopReason.CLICKS_EXHAUSTED
        last = first + 1
        while self.looks and last < len(self.looks) and self.looks[last] == self.looks[first]:
            last += 1
        return tuple(MadeClick(click) for click in self.clicks[first:last])


@dataclass(frozen=True)
class SessionLimits:
    """When a session ends although its source would go on.

    Attributes:
        max_clicks: the session ends after that many. None: its source ends it.
        min_clicks: neither a target nor a click without effect ends the session before that many.
        target_iou: in [0, 1]; the session ends at an IoU at least this large, one that starts from a mask so good
            before its first click. None: no target. Without truth it has no effect.
        target_quality: in [0, 1]; the session ends once the probabilities expect at least this IoU. Larger than 1:
            never.
        min_change: in [0, 1]; the session ends with a click that changes less than this share of the larger of the
            masks before and after it. 0: never.
    """

    max_clicks: int | None = MAX_CLICKS
    min_clicks: int = 0
    target_iou: float | None = TARGET_IOU
    target_quality: float = math.inf
    min_change: float = 0.0

    def __post_init__(self) -> None:
        if self.max_clicks is not None and self.max_clicks < max(1, self.min_clicks):
            raise ValueError(
                f"need min_clicks {self.min_clicks} <= max_clicks {self.max_clicks}, and one click at least: change "
                "one of them"
            )
        if self.target_iou is not None and not 0 <= self.target_iou <= 1:
            raise ValueError(f"target_iou {self.target_iou}: must lie in [0, 1], or be None for no target")
        if self.target_quality < 0 or not 0 <= self.min_change <= 1:
            raise ValueError(
                f"target_quality {self.target_quality} and min_change {self.min_change}: must lie in [0, 1]"
            )


@dataclass(frozen=True, eq=False)
class Session:
    """One object to click.

    Attributes:
        key: handed back with the result; the engine does not read it.
        image: (H, W, 3) uint8 RGB; sessions on one image may share the array.
        truth: (H, W) int8: 1 object, 0 background, -1 ignore; None if there is none.
        clicks: where the clicks come from.
        limits: when to end.
        start: what is known of the object before the first click.
        changes: how far the effect of a click goes. global: the mask becomes what the model answers. local: only the
            connected part of the difference that holds the click changes (`mfp.local_change`).
        excluded: (H, W) bool, pixels that belong to other objects and never to this one; None: there are none. To a
            simulated user they are no errors.

    Raises:
        ImageSizeError: the image is not (H, W, 3) uint8, or truth, start or excluded pixels are of another size or
            type.
        ClickError: the source cannot work here (simulated without truth, a logged click outside the image).
    """

    key: Hashable
    image: Image
    truth: Truth | None
    clicks: ClickSource
    limits: SessionLimits = SessionLimits()
    start: Start = FROM_NOTHING
    changes: Changes = "global"
    excluded: Mask | None = None

    def __post_init__(self) -> None:
        image, truth = self.image, self.truth
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ImageSizeError(f"image {image.shape} {image.dtype}: must be (H, W, 3) uint8; convert it")
        if truth is not None and (truth.shape != image.shape[:2] or truth.dtype != np.int8):
            raise ImageSizeError(
                f"truth {truth.shape} {truth.dtype}, image {image.shape[:2]}: must be int8 of the same size"
            )
        given = {
            "start mask": self.start.mask if isinstance(self.start, FromMask) else None,
            "excluded pixels": self.excluded,
        }
        for name, pixels in given.items():
            if pixels is not None and (pixels.shape != image.shape[:2] or pixels.dtype != np.bool_):
                raise ImageSizeError(
                    f"{name} {pixels.shape} {pixels.dtype}, image {image.shape[:2]}: must be bool of the same size"
                )
        self.clicks.check(truth, image.shape[0], image.shape[1])

    @property
    def known(self) -> Start:
        """The start without what belongs to other objects."""
        if self.excluded is None or not isinstance(self.start, FromMask):
            return self.start
        return replace(self.start, mask=self.start.mask & ~self.excluded)


@dataclass(frozen=True)
class ClickRecord:
    """One click and what came of it.

    Attributes:
        click: in image pixels.
        source: name of the click source.
        iou: of the mask after the click; None without truth, or where the union is empty.
        boundary_iou: of the mask after the click (`mfp.boundary_iou`); None as `iou`.
        area: pixels of the mask after the click.
        quality: the IoU that is expected of the mask, in [0, 1] (`mfp.mask_quality`).
        signals: what the quality is made of.
        changed_fraction: share of the image's pixels that changed sides, in [0, 1].
        is_looked_at: a mask was made of the click. Else the next click followed in a row: IoUs, area, quality and
            signals are those of the mask before, and nothing changed; quality and signals are None if no network has
            seen that mask.
        is_obeyed: the mask that came of the click has its pixel on the side that the click says.
        is_clamped: it was aimed outside the image, and made on the nearest pixel of it.
        region: the part of the image that the network saw.
        seconds: wall time of the whole loop, not of the network alone: that of the step divided by its sessions.
    """

    click: Click
    source: str
    iou: float | None
    boundary_iou: float | None
    area: int
    quality: float | None
    signals: MaskSignals | None
    changed_fraction: float
    is_looked_at: bool
    is_obeyed: bool
    is_clamped: bool
    region: Region
    seconds: float


@dataclass(frozen=True, eq=False)
class Look:
    """What a session looks like after a click, or after several that were made in a row.

    Attributes:
        clicks: so far, with what came of them.
        prob: (H, W) float32 in [0, 1], the probability map; an array of its own.
        mask: (H, W) bool, the mask; an array of its own.
    """

    clicks: tuple[ClickRecord, ...]
    prob: npt.NDArray[np.float32]
    mask: Mask


@dataclass(frozen=True, eq=False)
class FinishedSession:
    """The outcome of a session.

    Attributes:
        key: of the session.
        mask: (H, W) bool; that of the start if no click was made.
        clicks: in the order they were made.
        stop_reason: why it ended.
        start: what it started from: nothing, mask or box.
        start_iou: of the mask of the start; None without truth, or if the session did not start from a mask.
        iou: of the mask; None without truth, or where the union is empty.
        boundary_iou: of the mask; None as `iou`.
        quality: in [0, 1], needs no truth: the IoU that is expected of the mask (`mfp.mask_quality`). None if no click
            was made: no network saw the mask.
        signals: what the quality is made of; None as `quality`.
        prob: (H, W) float32, the final probability map.
        threshold: `mask` is where `prob` is larger.
        seconds: wall time of its clicks, added up; without any, the time it took to find that none is to be made.
        network_seconds: those of them in which the model was at work.
    """

    key: Hashable
    mask: Mask
    clicks: tuple[ClickRecord, ...]
    stop_reason: StopReason
    start: StartKind
    start_iou: float | None
    iou: float | None
    boundary_iou: float | None
    quality: float | None
    signals: MaskSignals | None
    prob: npt.NDArray[np.float32]
    threshold: float
    seconds: float
    network_seconds: float

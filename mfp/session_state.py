"""What changes while a session runs, and the decisions on it: the mask, the clicks, the next region, the end.

Plain arrays: no tensors, no network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mfp.boundary_iou import TrueBoundary
from mfp.clicks import Click
from mfp.mask_quality import EXPECTED_IOU, MaskQuality
from mfp.mask_signals import MapSignals, MaskSignals
from mfp.metrics import iou
from mfp.region import Region, ZoomSettings, bounding_box, next_region
from mfp.session import ClickRecord, ClickSource, FinishedSession, Look, MadeClick, Session
from mfp.start import FromBox, FromMask
from mfp.stop_reason import StopReason


@dataclass(frozen=True, eq=False)
class RegionMasks:
    """What became of a region, (region height, region width) bool each.

    Attributes:
        mask: the object, by the model's threshold.
        zoom_mask: by the threshold of zoom-in; the same array where both are one.
        signals: what the answer says of `mask`.
        keeps_outside: outside the region the masks stay as they were; else they are empty there.
    """

    mask: npt.NDArray[np.bool_]
    zoom_mask: npt.NDArray[np.bool_]
    signals: MapSignals
    keeps_outside: bool = True


class SessionState:
    """A session under way: either over (`stop_reason`) or waiting for the mask of its newest clicks.

    Attributes:
        session: what the caller asked for.
        clicks: made so far, those that wait for a mask included; (y, x) in image pixels.
        num_new: how many of them wait for a mask: one, or several that were made in a row.
        region: where the network is to look for the newest click.
        stop_reason: None while the session runs.
    """

    def __init__(
        self, session: Session, zoom: ZoomSettings | None, quality: MaskQuality = EXPECTED_IOU
    ) -> None:
        """Ask for the first click. Without zoom settings the region is always the whole image.

        `quality` makes one score of what is known of a mask.
        """
        self.session = session
        self.clicks: list[Click] = []
        self.num_new = 0
        self.stop_reason: StopReason | None = None
        height, width = session.image.shape[:2]
        self._whole = Region(0, height - 1, 0, width - 1)
        self._zoom = zoom
        self._quality = quality
        self._seen: Region | None = None
        self._mask = _first_mask(session)
        self._zoom_mask = self._mask
        self._area = int(np.count_nonzero(self._mask))
        self._records: list[ClickRecord] = []
        self._seconds = self._network_seconds = 0.0
        self._new: tuple[MadeClick, ...] = ()
        self._reachable = _reachable(session)
        self._start_iou = _start_iou(session)
        self._true_boundary = None if session.truth is None else TrueBoundary(session.truth)
        self.region = self._whole
        if (
            isinstance(session.start, FromMask)
            and self._is_good(self._iou())
            and session.limits.min_clicks == 0
        ):
            self.stop_reason = StopReason.TARGET_REACHED
        else:
            self._click()

    def take(self, masks: RegionMasks) -> None:
        """Take the masks of `region` that came of the newest clicks; then end, or ask for the next ones."""
        region = self.region
        iou_before, boundary_iou_before = self._last_iou(), self._last_boundary_iou()
        area_before = self._area
        last = self._records[-1] if self._records else None
        window = region.window(self._mask)
        num_changed = int(np.count_nonzero(window != masks.mask))
        area_outside = self._area - int(np.count_nonzero(window))
        if not masks.keeps_outside and area_outside:
            num_changed += area_outside
            area_outside = 0
            self._mask[:] = False
        window[:] = masks.mask
        self._area = area_outside + int(np.count_nonzero(masks.mask))
        self._take_zoom_mask(masks)
        self._seen = region
        for made in self._new[:-1]:
            self._record(
                made,
                iou=iou_before,
                boundary_iou=boundary_iou_before,
                area=area_before,
                quality=None if last is None else last.quality,
                signals=None if last is None else last.signals,
                num_changed=0,
                is_looked_at=False,
            )
        signals = MaskSignals.of_round(
            masks.signals, area_before=area_before, area_after=self._area, num_changed=num_changed
        )
        self._record(
            self._new[-1],
            iou=self._iou(),
            boundary_iou=self._boundary_iou(),
            area=self._area,
            quality=self._quality.of(signals, len(self.clicks)),
            signals=signals,
            num_changed=num_changed,
            is_looked_at=True,
        )
        self.stop_reason = self._limit_reached(num_changed / max(area_before, self._area, 1))
        if self.stop_reason is None:
            self._click()

    def go_on(self, clicks: ClickSource) -> None:
        """Go on with another source, of a session that is over because the clicks of its own were exhausted.

        Raises:
            ClickError: the source cannot work here; the session is still over.
        """
        assert self.stop_reason is StopReason.CLICKS_EXHAUSTED, (
            "go_on() of a session that ended for good, or runs"
        )
        self.session = replace(self.session, clicks=clicks)
        self.stop_reason = None
        self._click()

    def add_seconds(self, seconds: float, network_seconds: float) -> None:
        """Charge wall time to the session, and to the click whose mask was taken last, if there is one.

        It is known only after the whole step. `network_seconds` of it were those of the model.
        """
        self._seconds += seconds
        self._network_seconds += network_seconds
        if self._records:
            self._records[-1] = replace(self._records[-1], seconds=self._records[-1].seconds + seconds)

    def look(self, prob: npt.NDArray[np.float32]) -> Look:
        """The session as it is, with its (H, W) probability map."""
        return Look(tuple(self._records), prob.copy(), self._mask.copy())

    def finish(self, prob: npt.NDArray[np.float32], threshold: float) -> FinishedSession:
        """The outcome, once `stop_reason` is set: of the final (H, W) probability map and the model's threshold."""
        assert self.stop_reason is not None, "finish() of a session that still runs"
        return FinishedSession(
            key=self.session.key,
            mask=self._mask,
            clicks=tuple(self._records),
            stop_reason=self.stop_reason,
            start=self.session.start.kind,
            start_iou=self._start_iou,
            iou=self._last_iou(),
            boundary_iou=self._last_boundary_iou(),
            quality=self._records[-1].quality if self._records else None,
            signals=self._records[-1].signals if self._records else None,
            prob=prob,
            threshold=threshold,
            seconds=self._seconds,
            network_seconds=self._network_seconds,
        )

    def _record(
        self,
        made: MadeClick,
        *,
        iou: float | None,
        boundary_iou: float | None,
        area: int,
        quality: float | None,
        signals: MaskSignals | None,
        num_changed: int,
        is_looked_at: bool,
    ) -> None:
        self._records.append(
            ClickRecord(
                click=made.click,
                source=self.session.clicks.name,
                iou=iou,
                boundary_iou=boundary_iou,
                area=area,
                quality=quality,
                signals=signals,
                changed_fraction=num_changed / self._mask.size,
                is_looked_at=is_looked_at,
                is_obeyed=bool(self._mask[made.click.pixel]) == made.click.is_foreground,
                is_clamped=made.is_clamped,
                region=self.region,
                seconds=0.0,
            )
        )

    def _click(self) -> None:
        source, limits = self.session.clicks, self.session.limits
        made = source.next_clicks(self._reachable, self._mask, self.clicks)
        if isinstance(made, StopReason):
            self.stop_reason = made
            return
        if limits.max_clicks is not None:
            made = made[: limits.max_clicks - len(self.clicks)]
        self._new = made
        self.num_new = len(made)
        self.clicks.extend(one.click for one in made)
        if self._zoom is not None:
            height, width = self._mask.shape
            found = bounding_box(self._zoom_mask)
            if found is None and isinstance(self.session.start, FromBox):
                found = self.session.start.box
            self.region = next_region(self._seen, found, self.clicks, height, width, self._zoom)

    def _take_zoom_mask(self, masks: RegionMasks) -> None:
        if masks.zoom_mask is masks.mask:
            return
        if not masks.keeps_outside:
            self._zoom_mask = np.zeros_like(self._mask)
        elif self._zoom_mask is self._mask:
            self._zoom_mask = self._mask.copy()
        self.region.window(self._zoom_mask)[:] = masks.zoom_mask

    def _iou(self) -> float | None:
        value = None if self.session.truth is None else iou(self._mask, self.session.truth)
        return None if value is None else float(value)

    def _last_iou(self) -> float | None:
        return self._records[-1].iou if self._records else self._iou()

    def _boundary_iou(self) -> float | None:
        return None if self._true_boundary is None else self._true_boundary.iou(self._mask)

    def _last_boundary_iou(self) -> float | None:
        return self._records[-1].boundary_iou if self._records else self._boundary_iou()

    def _is_good(self, value: float | None) -> bool:
        target = self.session.limits.target_iou
        return target is not None and value is not None and value >= target

    def _limit_reached(self, changed: float) -> StopReason | None:
        """Why the session ends here; `changed` is the share of the larger mask that the newest click changed."""
        limits, num_clicks, last = self.session.limits, len(self._records), self._records[-1]
        if num_clicks >= limits.min_clicks:
            if self._is_good(last.iou):
                return StopReason.TARGET_REACHED
            if last.quality is not None and last.quality >= limits.target_quality:
                return StopReason.QUALITY_REACHED
            if changed < limits.min_change:
                return StopReason.NO_CHANGE
        has_all = limits.max_clicks is not None and num_clicks >= limits.max_clicks
        return StopReason.MAX_CLICKS if has_all else None


def _first_mask(session: Session) -> npt.NDArray[np.bool_]:
    """The mask before the first click, an array of its own."""
    start = session.known
    return start.mask.copy() if isinstance(start, FromMask) else np.zeros(session.image.shape[:2], np.bool_)


def _start_iou(session: Session) -> float | None:
    """Of the mask that was given, with what belongs to other objects; None without one or without truth."""
    if session.truth is None or not isinstance(session.start, FromMask):
        return None
    value = iou(session.start.mask, session.truth)
    return None if value is None else float(value)


def _reachable(session: Session) -> npt.NDArray[np.int8] | None:
    """The truth as a simulated user sees it: pixels of other objects are beyond reach, and no error."""
    if session.truth is None or session.excluded is None:
        return session.truth
    return np.where(session.excluded, np.int8(-1), session.truth)

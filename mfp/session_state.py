"""What changes while a session runs, and the decisions on it: the mask, the clicks, the next region, the end.

Plain arrays: no tensors, no network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mfp.clicks import Click
from mfp.metrics import iou
from mfp.region import Region, ZoomSettings, next_region
from mfp.session import ClickRecord, FinishedSession, Session, StopReason

_Pixel = TypeVar("_Pixel", bound=np.generic)


@dataclass(frozen=True, eq=False)
class RegionMasks:
    """What became of a region, (region height, region width) bool each.

    Attributes:
        mask: the object, by the model's threshold.
        zoom_mask: by the threshold of zoom-in; the same array where both are one.
        keeps_outside: outside the region the masks stay as they were; else they are empty there.
    """

    mask: npt.NDArray[np.bool_]
    zoom_mask: npt.NDArray[np.bool_]
    keeps_outside: bool = True


class SessionState:
    """A session under way: either over (`stop_reason`) or waiting for the mask of its newest click.

    Attributes:
        session: what the caller asked for.
        clicks: made so far, the one that waits for its mask included; (y, x) in image pixels.
        region: where the network is to look for the newest click.
        stop_reason: None while the session runs.
    """

    def __init__(self, session: Session, zoom: ZoomSettings | None) -> None:
        """Ask for the first click. Without zoom settings the region is always the whole image."""
        self.session = session
        self.clicks: list[Click] = []
        self.stop_reason: StopReason | None = None
        height, width = session.image.shape[:2]
        self._whole = Region(0, height - 1, 0, width - 1)
        self._zoom = zoom
        self._seen: Region | None = None
        self._mask = np.zeros((height, width), np.bool_)
        self._zoom_mask = self._mask
        self._area = 0
        self._records: list[ClickRecord] = []
        self.region = self._whole
        self._click()

    def take(self, masks: RegionMasks) -> None:
        """Take the masks of `region` that came of the newest click; then end, or ask for the next click."""
        region = self.region
        window = _window(self._mask, region)
        num_changed = int(np.count_nonzero(window != masks.mask))
        area_outside = self._area - int(np.count_nonzero(window))
        if not masks.keeps_outside and area_outside:
            num_changed += area_outside
            area_outside = 0
            self._mask[:] = False
        self._area = area_outside + int(np.count_nonzero(masks.mask))
        window[:] = masks.mask
        self._take_zoom_mask(masks)
        self._seen = region
        self._records.append(
            ClickRecord(
                click=self.clicks[-1],
                source=self.session.clicks.name,
                iou=self._iou(),
                area=self._area,
                changed_fraction=num_changed / self._mask.size,
                region=region,
                seconds=0.0,
            )
        )
        self.stop_reason = self._limit_reached()
        if self.stop_reason is None:
            self._click()

    def add_seconds(self, seconds: float) -> None:
        """Charge wall time to the click whose mask was taken last: it is known only after the whole step."""
        if self._records:
            self._records[-1] = replace(self._records[-1], seconds=self._records[-1].seconds + seconds)

    def finish(self, prob: npt.NDArray[np.float32], threshold: float) -> FinishedSession:
        """The outcome, once `stop_reason` is set: of the final (H, W) probability map and the model's threshold."""
        assert self.stop_reason is not None, "finish() of a session that still runs"
        return FinishedSession(
            key=self.session.key,
            mask=self._mask,
            clicks=tuple(self._records),
            stop_reason=self.stop_reason,
            iou=self._records[-1].iou if self._records else self._iou(),
            quality=self._quality(prob),
            prob=prob,
            threshold=threshold,
        )

    def _quality(self, prob: npt.NDArray[np.float32]) -> float:
        # Outside the region nothing was looked at: the small probabilities there, left from a pass over more of the
        # image, would add up to more than a small object.
        return (
            0.0
            if self._seen is None
            else expected_iou(_window(prob, self._seen), _window(self._mask, self._seen))
        )

    def _click(self) -> None:
        source = self.session.clicks
        click = source.next_click(self.session.truth, self._mask, self.clicks)
        if isinstance(click, StopReason):
            self.stop_reason = click
            return
        self.clicks.append(click)
        if self._zoom is not None:
            height, width = self._mask.shape
            self.region = next_region(self._seen, self._zoom_mask, self.clicks, height, width, self._zoom)

    def _take_zoom_mask(self, masks: RegionMasks) -> None:
        if masks.zoom_mask is masks.mask:
            return
        if self._zoom_mask is self._mask or not masks.keeps_outside:
            self._zoom_mask = np.zeros_like(self._mask)
        _window(self._zoom_mask, self.region)[:] = masks.zoom_mask

    def _iou(self) -> float | None:
        value = None if self.session.truth is None else iou(self._mask, self.session.truth)
        return None if value is None else float(value)

    def _limit_reached(self) -> StopReason | None:
        limits, num_clicks, last = self.session.limits, len(self._records), self._records[-1].iou
        is_good = limits.target_iou is not None and last is not None and last >= limits.target_iou
        if is_good and num_clicks >= limits.min_clicks:
            return StopReason.TARGET_REACHED
        has_all = limits.max_clicks is not None and num_clicks >= limits.max_clicks
        return StopReason.MAX_CLICKS if has_all else None


def _window(pixels: npt.NDArray[_Pixel], region: Region) -> npt.NDArray[_Pixel]:
    """The region of (H, W) pixels, a view."""
    return pixels[region.row_min : region.row_max + 1, region.col_min : region.col_max + 1]


def expected_iou(prob: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> float:
    """The IoU with the unknown truth that a probability map expects of its own mask.

    Each pixel belongs to the object with its probability p, whatever its neighbours do. The IoU is then about the
    expected intersection over the expected union: sum(p m) / (sum(m) + sum(p (1 - m))) (ours; a ratio of
    expectations, not the expectation of the ratio).

    Args:
        prob: (H, W) float32 in [0, 1].
        mask: (H, W) bool.

    Returns:
        In [0, 1]; 0 for an empty mask. Sums are float64.
    """
    area = int(np.count_nonzero(mask))
    if area == 0:
        return 0.0
    inside = float(prob.sum(where=mask, dtype=np.float64))
    outside = float(prob.sum(dtype=np.float64)) - inside
    return min(inside / (area + max(outside, 0.0)), 1.0)

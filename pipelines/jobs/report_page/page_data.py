"""What a page of runs shows: the figures of their reports, and what is drawn beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfp.bootstrap import Interval
from pipelines.inputs.run_record import LabelRecord
from pipelines.jobs.report import Report
from pipelines.jobs.start_figures import StartFigures


@dataclass(frozen=True)
class PageStrip:
    """A wide picture that is looked at from left to right; `alt` says in words what is seen."""

    heading: str
    caption: str
    png: bytes
    alt: str


@dataclass(frozen=True)
class SizeFigures:
    """NoC@90 of the objects of one of `drawn_figures.SIZES`.

    `noc90` is None if there is no such object; `interval` also if they are all of one image.
    """

    size: str
    objects: int
    noc90: float | None
    interval: Interval | None


@dataclass(frozen=True)
class StartDetail:
    """What is drawn of the objects with truth that started from one kind of start.

    Intervals are 95 %, bootstrapped over images; there are none if all objects are of one image.

    Attributes:
        figures: those of the report.
        num_images: how many images the objects are of.
        noc_intervals: by threshold; one whose NoC is not defined is left out, here and in `shares_done`.
        iou_intervals: of `figures.mean_iou`, pointwise, as many.
        auc_interval: of `figures.auc`.
        boundary_interval: of `figures.mean_boundary_iou`.
        shares_done: by threshold, (max_clicks + 1,) share of the objects that have reached it after 0, 1, ... clicks.
        noc90_counts: (max_clicks + 1,) objects whose NoC@90 is 0, 1, ...; empty if it is not defined. The last entry
            counts those that never got there too.
        by_size: NoC@90 by size; empty if it is not defined.
    """

    figures: StartFigures
    num_images: int
    noc_intervals: Mapping[str, Interval]
    iou_intervals: Sequence[Interval]
    auc_interval: Interval | None
    boundary_interval: Interval | None
    shares_done: Mapping[str, NDArray[np.float64]]
    noc90_counts: Sequence[int]
    by_size: Sequence[SizeFigures]


@dataclass(frozen=True)
class PageRun:
    """One run.

    Attributes:
        report, record: its figures, and what its directory says of it.
        starts: as `report.by_start`.
        stop_reasons: objects by why no more clicks were made, the most frequent first.
        quality: (num_objects,) [0, 1], of the objects that have one.
        iou: (num_objects,) [0, 1], of the same; NaN without truth.
        bin_seconds: width of the bins of `clicks_per_second`, which go over the busy time.
        strips: pictures of some of its objects.
        why_no_strips: why there are none although there were to be some, in words; else empty.
    """

    report: Report
    record: LabelRecord
    starts: Sequence[StartDetail]
    stop_reasons: Mapping[str, int]
    quality: NDArray[np.float64]
    iou: NDArray[np.float64]
    bin_seconds: float
    clicks_per_second: Sequence[float]
    strips: Sequence[PageStrip] = ()
    why_no_strips: str = ""

    @property
    def has_iou(self) -> bool:
        """Whether an object has both quality and IoU."""
        return bool(np.isfinite(self.iou).any())

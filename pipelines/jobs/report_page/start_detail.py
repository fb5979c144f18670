"""Intervals and distributions behind the figures of a report, from the same objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from mfp.bootstrap import Interval, mean_interval, mean_intervals
from mfp.metrics import ClickIous, ious_after, noc
from pipelines.jobs.drawn_figures import SIZED_AT, SIZES
from pipelines.jobs.report_page.page_data import SizeFigures, StartDetail
from pipelines.jobs.run_objects import RunObjects
from pipelines.jobs.start_figures import StartFigures
from pipelines.jobs.thresholds import THRESHOLDS


def start_detail(objects: RunObjects, figures: StartFigures, max_clicks: int) -> StartDetail:
    """The detail of one kind of start; `figures` say which, and which NoC are defined."""
    of = objects.has_truth & (objects.column("start") == figures.start)
    ious = objects.ious(of)
    image_idx = np.unique(objects.column("sample_key")[of].astype(str), return_inverse=True)[1]
    # one click more than counts tells who never got there from who did at the last click
    reached = {
        name: noc(ious, THRESHOLDS[name], max_clicks + 1)
        for name, at in figures.at_threshold.items()
        if at is not None
    }
    nocs = {name: np.minimum(clicks, max_clicks) for name, clicks in reached.items()}
    of_clicks = mean_intervals((ious_after(ious, click) for click in range(1, max_clicks + 1)), image_idx)
    truth_area = objects.column("truth_area")[of].astype(np.float64)
    return StartDetail(
        figures=figures,
        num_images=len(np.unique(image_idx)),
        noc_intervals=_noc_intervals(nocs, image_idx),
        iou_intervals=of_clicks,
        auc_interval=mean_interval(_areas_under(ious, max_clicks), image_idx),
        boundary_interval=mean_interval(objects.column("boundary_iou")[of].astype(np.float64), image_idx),
        shares_done={name: _shares(clicks, max_clicks) for name, clicks in reached.items()},
        noc90_counts=_counts(nocs, max_clicks),
        by_size=tuple(_by_size(nocs, truth_area, image_idx)),
    )


def _noc_intervals(
    nocs: Mapping[str, NDArray[np.int64]], image_idx: NDArray[np.int64]
) -> dict[str, Interval]:
    if not nocs:
        return {}
    intervals = mean_intervals((clicks.astype(np.float64) for clicks in nocs.values()), image_idx)
    return dict(zip(nocs, intervals, strict=bool(intervals)))


def _areas_under(ious: ClickIous, max_clicks: int) -> NDArray[np.float64]:
    """(num_objects,): the area under the IoUs of each object, whose mean is `mfp.metrics.auc` of the mean curve."""
    if max_clicks == 1:
        return ious_after(ious, 1)
    area = np.zeros(ious.num_objects)
    for click in range(1, max_clicks + 1):
        area += ious_after(ious, click) * (0.5 if click in {1, max_clicks} else 1.0)
    return area / (max_clicks - 1)


def _shares(reached: NDArray[np.int64], max_clicks: int) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.cumsum(np.bincount(reached, minlength=max_clicks + 2)) / len(reached)
    return shares[:-1]


def _counts(nocs: Mapping[str, NDArray[np.int64]], max_clicks: int) -> tuple[int, ...]:
    if SIZED_AT not in nocs:
        return ()
    return tuple(np.bincount(nocs[SIZED_AT], minlength=max_clicks + 1).tolist())


def _by_size(
    nocs: Mapping[str, NDArray[np.int64]], truth_area: NDArray[np.float64], image_idx: NDArray[np.int64]
) -> Iterator[SizeFigures]:
    for size, (low, high) in SIZES.items() if SIZED_AT in nocs else ():
        of = (truth_area >= low) & (truth_area < high)
        clicks = nocs[SIZED_AT][of].astype(np.float64)
        yield SizeFigures(
            size=size,
            objects=len(clicks),
            noc90=float(clicks.mean()) if len(clicks) else None,
            interval=mean_interval(clicks, image_idx[of]),
        )

"""One run as a page shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pipelines.jobs.busy_time import clicks_per_second
from pipelines.jobs.clicked_run import ClickedRun
from pipelines.jobs.report import Report
from pipelines.jobs.report_page.page_data import PageRun, PageStrip
from pipelines.jobs.report_page.start_detail import start_detail

_MOST_BINS = 40


def page_run(
    clicked: ClickedRun,
    report: Report,
    strips: Sequence[PageStrip] = (),
    why_no_strips: str = "",
) -> PageRun:
    """The run with what is drawn of it.

    Args:
        clicked: the run.
        report: its figures, `report_of(clicked)`.
        strips: pictures of some of its objects.
        why_no_strips: why there are none although there were to be some.
    """
    quality, iou = (clicked.objects.column(name).astype(np.float64) for name in ("quality", "iou"))
    has_quality = np.isfinite(quality)
    bin_seconds, rates = clicks_per_second(clicked.commits, _MOST_BINS)
    return PageRun(
        report=report,
        record=clicked.record,
        starts=[
            start_detail(clicked.objects, figures, clicked.protocol.max_clicks) for figures in report.by_start
        ],
        stop_reasons=dict(Counter(clicked.objects.column("stop_reason").tolist()).most_common()),
        quality=quality[has_quality],
        iou=iou[has_quality],
        bin_seconds=bin_seconds,
        clicks_per_second=rates,
        strips=strips,
        why_no_strips=why_no_strips,
    )

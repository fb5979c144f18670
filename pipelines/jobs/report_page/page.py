"""The page as HTML: one file that loads nothing, and has no script."""

from __future__ import annotations

from collections.abc import Sequence

from mfp.bootstrap import FEWEST_TRUSTED_IMAGES
from pipelines.counted import counted
from pipelines.jobs.report_page.page_data import PageRun
from pipelines.jobs.report_page.plots.bars import noc_histogram, throughput
from pipelines.jobs.report_page.plots.by_click import mean_iou_by_click, share_done_by_click
from pipelines.jobs.report_page.plots.quality_by_iou import quality_by_iou, quality_histogram
from pipelines.jobs.report_page.plots.reliability import reliability
from pipelines.jobs.report_page.provenance import deciding_settings, facts
from pipelines.jobs.report_page.run_names import run_names
from pipelines.jobs.report_page.templating import environment
from pipelines.jobs.report_words import (
    draws_in_words,
    heading_of,
    published_in_words,
    remarks,
    shown_clicks,
    spread_in_words,
    unfinished_in_words,
    why_undefined,
)
from pipelines.jobs.thresholds import THRESHOLDS
from pipelines.jobs.time_shares import TimeShares

_PLOTS = (
    *(mean_iou_by_click, share_done_by_click, noc_histogram),
    *(quality_by_iou, quality_histogram, reliability, throughput),
)
_WORDS = (
    *(draws_in_words, heading_of, published_in_words, remarks, shown_clicks, unfinished_in_words),
    *(spread_in_words, why_undefined),
    *(facts, deciding_settings, counted),
)


def render_page(runs: Sequence[PageRun]) -> str:
    """The page of some runs, one at least. What comes of data is escaped."""
    names = run_names([run.report.run_url for run in runs])
    title = names[runs[0].report.run_url] if len(runs) == 1 else f"{len(runs)} runs"
    templates = environment((*_PLOTS, *_WORDS))
    templates.globals.update(
        thresholds=tuple(THRESHOLDS),
        fewest_images=FEWEST_TRUSTED_IMAGES,
        time_shares=TimeShares.of,
    )
    page = templates.get_template("page.html.jinja")
    return page.render(command="mfp report", title=title, runs=runs, names=names)

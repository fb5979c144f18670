"""The page as HTML: one file that loads nothing, and has no script."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence

import jinja2

from infra.storage.files import basename
from mfp.bootstrap import Interval
from pipelines.jobs.report_page.page_data import PageRun
from pipelines.jobs.report_page.plots.bars import noc_histogram, throughput
from pipelines.jobs.report_page.plots.by_click import mean_iou_by_click, share_done_by_click
from pipelines.jobs.report_page.plots.quality_by_iou import quality_by_iou, quality_histogram
from pipelines.jobs.report_page.provenance import deciding_settings, facts
from pipelines.jobs.report_words import SHOWN_CLICKS, draws_in_words, heading_of, remarks, why_undefined
from pipelines.jobs.thresholds import THRESHOLDS
from pipelines.jobs.time_shares import TimeShares

_PLOTS = (
    *(mean_iou_by_click, share_done_by_click, noc_histogram),
    *(quality_by_iou, quality_histogram, throughput),
)
_WORDS = (draws_in_words, heading_of, remarks, why_undefined, facts, deciding_settings)


def render_page(runs: Sequence[PageRun]) -> str:
    """The page of some runs, one at least. What comes of data is escaped."""
    names = [_name(run) for run in runs]
    title = names[0] if len(runs) == 1 else f"{len(runs)} runs"
    page = _environment().get_template("page.html.jinja")
    return page.render(title=title, runs=runs, names=names)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipelines.jobs.report_page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update({function.__name__: function for function in (*_PLOTS, *_WORDS)})
    environment.globals.update(thresholds=tuple(THRESHOLDS), shown_clicks=SHOWN_CLICKS)
    environment.globals.update(time_shares=TimeShares.of)
    environment.filters.update(
        count=lambda number: f"{number:,}",
        fixed=lambda number, decimals: f"{number:.{decimals}f}",
        percent=lambda share: f"{share:.1%}",
        rate=lambda number: f"{number:,.1f}",
        seconds=lambda number: f"{number:,.1f} s",
        interval=_interval,
        data_uri=lambda png: f"data:image/png;base64,{base64.b64encode(png).decode()}",
    )
    environment.tests["finite"] = math.isfinite
    return environment


def _interval(interval: Interval, decimals: int) -> str:
    return f"{interval.low:.{decimals}f} to {interval.high:.{decimals}f}"


def _name(run: PageRun) -> str:
    return basename(run.report.run_url.rstrip("/")) or run.report.run_url

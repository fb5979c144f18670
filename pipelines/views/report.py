"""A report on a terminal, or as plain text anywhere else."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from pipelines.counted import counted
from pipelines.jobs.benchmarks import Benchmark
from pipelines.jobs.drawn_figures import DrawnNoc
from pipelines.jobs.report import Report
from pipelines.jobs.report_words import (
    draws_in_words,
    heading_of,
    published_in_words,
    quality_in_words,
    remarks,
    shown_clicks,
    spread_in_words,
    unfinished_in_words,
    why_undefined,
)
from pipelines.jobs.start_figures import StartFigures
from pipelines.jobs.thresholds import THRESHOLDS
from pipelines.jobs.time_shares import TimeShares

_UNDEFINED = "-"


class ReportView:
    """Draws a report: tables with rules where a person looks at a terminal, bare columns in a file or a pipe."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """Yield the tables of NoC, of published figures if there are any, of mean IoU and of models, and the totals."""
        style = box.SIMPLE_HEAD if console.is_terminal else None
        unfinished = unfinished_in_words(self._report)
        if unfinished:
            yield Text(unfinished, style="bold")
            yield Text()
        for figures in self._report.by_start:
            heading = heading_of(self._report, figures)
            if heading:
                yield Text(heading, style="bold")
            yield self._noc_table(style, figures)
            yield Text()
            if self._report.benchmark is not None:
                yield self._published_table(style, self._report.benchmark, figures)
                yield Text(published_in_words(self._report.benchmark))
                yield Text()
            yield self._mean_iou_table(style, figures)
            yield Text()
        if not self._report.by_start:
            yield self._noc_table(style, None)
            yield Text()
        draws = self._report.draws
        if draws is not None:
            yield self._draws_table(style, draws)
            yield Text(draws_in_words(draws))
            for reason in draws.left_out:
                yield Text(f"left out: {reason}")
            yield Text()
        if len(self._report.models) > 1:
            yield self._models_table(style)
            yield Text()
        for line in self._lines():
            yield Text(line)

    def _noc_table(self, style: box.Box | None, figures: StartFigures | None) -> Table:
        table = Table(box=style, padding=(0, 2, 0, 0))
        table.add_column("IoU")
        table.add_column("NoC", justify="right")
        table.add_column(f"NoF (NoC = {self._report.protocol.max_clicks})", justify="right")
        table.add_column("NoF (never reached)", justify="right")
        for name in THRESHOLDS:
            at = None if figures is None else figures.at_threshold[name]
            cells = (
                [_UNDEFINED] * 3
                if at is None
                else [f"{at.noc:.2f}", str(at.nof_published), str(at.nof_never_reached)]
            )
            table.add_row(f"{name} %", *cells)
        return table

    def _published_table(self, style: box.Box | None, benchmark: Benchmark, figures: StartFigures) -> Table:
        table = Table(box=style, padding=(0, 2, 0, 0))
        table.add_column(benchmark.name)
        for name in THRESHOLDS:
            table.add_column(f"NoC@{name}", justify="right")
        ours = (_UNDEFINED if at is None else f"{at.noc:.2f}" for at in figures.at_threshold.values())
        table.add_row("this run", *ours)
        for row in benchmark.published:
            nocs = (f"{noc:.2f}" for noc in (row.noc85, row.noc90, row.noc95))
            table.add_row(f"{row.model}, published", *nocs)
        return table

    def _mean_iou_table(self, style: box.Box | None, figures: StartFigures) -> Table:
        table = Table(box=style, padding=(0, 2, 0, 0))
        clicks = shown_clicks(figures)
        table.add_column("clicks")
        for click in clicks:
            table.add_column(str(click), justify="right")
        for heading in ("AuC", "boundary IoU, last"):
            table.add_column(heading, justify="right")
        table.add_row(
            "mean IoU",
            *(f"{figures.mean_iou[click - 1]:.3f}" for click in clicks),
            f"{figures.auc:.3f}",
            f"{figures.mean_boundary_iou:.3f}",
        )
        return table

    def _models_table(self, style: box.Box | None) -> Table:
        table = Table(box=style, padding=(0, 2, 0, 0))
        table.add_column("model")
        for heading in ("step", "objects", "clicks", "mean IoU", "NoC@90"):
            table.add_column(heading, justify="right")
        for model in self._report.models:
            table.add_row(
                model.model_id,
                _UNDEFINED if model.step is None else f"{model.step:,}",
                f"{model.objects:,}",
                f"{model.clicks:,}",
                _UNDEFINED if model.mean_iou is None else f"{model.mean_iou:.3f}",
                _UNDEFINED if model.noc90 is None else f"{model.noc90:.2f}",
            )
        return table

    def _lines(self) -> Iterator[str]:
        report = self._report
        speed = "" if report.clicks_per_second is None else f", {report.clicks_per_second:.2f} clicks/s"
        shards = counted(report.num_shards, "shard")
        if report.unfinished is not None:
            shards = f"{report.num_shards:,} of {counted(report.num_expected, 'shard')}"
        yield f"{counted(report.objects, 'object')}, {counted(report.clicks, 'click')}{speed}, {shards}"
        if spent := TimeShares.of(report.spent).in_words():
            yield spent
        if any(None in figures.at_threshold.values() for figures in report.by_start):
            yield f"{_UNDEFINED} not defined: {why_undefined(report)}"
        if quality := quality_in_words(report):
            yield quality
        yield from remarks(report)
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in report.errors_by_reason.items())
        errors = counted(sum(report.errors_by_reason.values()), "error")
        yield f"{errors}: {reasons}" if reasons else errors
        for note in report.notes:
            yield f"in the shards: {note}"
        for shard in report.set_aside:
            yield f"{shard}; nothing of it is in the figures"
        yield f"masks, clicks and errors as Parquet, and the report: {report.run_url}"

    def _draws_table(self, style: box.Box | None, draws: DrawnNoc) -> Table:
        """NoC over drawn clicks: of all objects by IoU, then by the size of the object at one IoU."""
        table = Table(box=style, padding=(0, 2, 0, 0))
        table.add_column("drawn clicks")
        for heading in ("objects", "NoC protocol", "NoC drawn", "worse by", "spread"):
            table.add_column(heading, justify="right")
        for heading, found in draws.rows():
            if found is None:
                table.add_row(heading, *[_UNDEFINED] * 5)
            else:
                table.add_row(
                    heading,
                    f"{found.num_objects:,}",
                    f"{found.protocol:.2f}",
                    f"{found.drawn:.2f}",
                    f"{found.worse:+.1%}",
                    spread_in_words(draws, found) or _UNDEFINED,
                )
        return table

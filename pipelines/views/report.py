"""A report on a terminal, or as plain text anywhere else."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from infra.runs.commit import NONE_UNCLICKED
from pipelines.jobs.report import Report

_SHOWN_CLICKS = (1, 3, 5, 10, 20)
_UNDEFINED = "-"


class ReportView:
    """Draws a report: tables with rules where a person looks at a terminal, bare columns in a file or a pipe."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """Yield the NoC table, the mean IoU table, where there were several the models, and the totals."""
        style = box.SIMPLE_HEAD if console.is_terminal else None
        if self._report.unfinished is not None:
            yield Text(f"{self._report.unfinished}; the figures are of these alone", style="bold")
            yield Text()
        yield self._noc_table(style)
        if self._report.mean_iou is not None:
            yield Text()
            yield self._mean_iou_table(style, self._report.mean_iou)
        if len(self._report.models) > 1:
            yield Text()
            yield self._models_table(style)
        yield Text()
        for line in self._lines():
            yield Text(line)

    def _noc_table(self, style: box.Box | None) -> Table:
        table = Table(box=style, padding=(0, 2, 0, 0))
        table.add_column("IoU")
        table.add_column("NoC", justify="right")
        table.add_column(f"NoF (NoC = {self._report.max_clicks})", justify="right")
        table.add_column("NoF (never reached)", justify="right")
        for name, at in self._report.at_threshold.items():
            cells = (
                [_UNDEFINED] * 3
                if at is None
                else [f"{at.noc:.2f}", str(at.nof_published), str(at.nof_never_reached)]
            )
            table.add_row(f"{name} %", *cells)
        return table

    def _mean_iou_table(self, style: box.Box | None, mean_iou: tuple[float, ...]) -> Table:
        table = Table(box=style, padding=(0, 2, 0, 0))
        clicks = [click for click in _SHOWN_CLICKS if click <= len(mean_iou)]
        table.add_column("clicks")
        for click in clicks:
            table.add_column(str(click), justify="right")
        table.add_column("AuC", justify="right")
        table.add_row(
            "mean IoU", *(f"{mean_iou[click - 1]:.3f}" for click in clicks), f"{self._report.auc:.3f}"
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
        of_shards = "" if report.unfinished is None else f" of {report.num_expected:,}"
        yield f"{report.objects:,} objects, {report.clicks:,} clicks{speed}, {report.num_shards:,}{of_shards} shards"
        without_truth = report.objects - report.objects_with_truth
        if without_truth:
            yield f"{without_truth:,} objects without truth: no IoU, not in the figures above"
        if report.objects_with_truth and None in report.at_threshold.values():
            reason = (
                "the logged clicks of some objects end below that IoU"
                if report.target_iou is None
                else f"the sessions stopped at IoU {report.target_iou}"
            )
            yield f"{_UNDEFINED} not defined: {reason}"
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in report.errors_by_reason.items())
        yield f"{sum(report.errors_by_reason.values()):,} errors{f': {reasons}' if reasons else ''}"
        if report.unclicked != NONE_UNCLICKED:
            yield f"the click log has no click on {report.unclicked}"
        for note in report.notes:
            yield f"in the shards: {note}"
        for shard in report.set_aside:
            yield f"{shard}; nothing of it is in the figures"
        yield f"masks, clicks and errors as Parquet, and the report: {report.run_url}"

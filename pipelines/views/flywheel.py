"""What a flywheel has done, on a terminal: its rounds, and the evaluation before and after."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from pipelines.jobs.flywheel.flywheel import FlywheelResult
from pipelines.jobs.report import Report
from pipelines.jobs.thresholds import THRESHOLDS

_SHOWN_CLICKS = (1, 3, 5)


class FlywheelView:
    """Draws the result of a flywheel."""

    def __init__(self, result: FlywheelResult) -> None:
        self._result = result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """Yield a table of the rounds, one of the evaluation before and after, and where the model is."""
        style = box.SIMPLE_HEAD if console.is_terminal else None
        yield self._rounds(style)
        yield Text()
        yield self._evaluation(style)
        yield Text()
        yield Text(
            f"{self._result.after.objects_with_truth:,} evaluated objects; the model: {self._result.model_url}"
        )

    def _rounds(self, style: box.Box | None) -> Table:
        table = Table(box=style, padding=(0, 2, 0, 0))
        table.add_column("round")
        table.add_column("labelled by the models of steps")
        for heading in ("objects", "selected", "held out"):
            table.add_column(heading, justify="right")
        for one in self._result.rounds:
            steps = ", ".join(f"{model.step:,}" for model in one.models if model.step is not None)
            table.add_row(
                str(one.number),
                steps,
                f"{one.counts.seen:,}",
                f"{one.counts.selected:,}",
                f"{one.counts.held_out:,}",
            )
        return table

    def _evaluation(self, style: box.Box | None) -> Table:
        table = Table(box=style, padding=(0, 2, 0, 0))
        table.add_column("evaluation")
        for name in THRESHOLDS:
            table.add_column(f"NoC@{name}", justify="right")
        for click in _SHOWN_CLICKS:
            table.add_column(f"IoU@{click}", justify="right")
        table.add_row("before", *_cells(self._result.before))
        table.add_row("after", *_cells(self._result.after))
        return table


def _cells(report: Report) -> list[str]:
    figures = report.figures
    at_threshold = dict.fromkeys(THRESHOLDS) if figures is None else figures.at_threshold
    nocs = ["-" if at is None else f"{at.noc:.2f}" for at in at_threshold.values()]
    curve = () if figures is None else figures.mean_iou
    return nocs + [f"{curve[click - 1]:.3f}" if click <= len(curve) else "-" for click in _SHOWN_CLICKS]

"""A comparison of runs on a terminal, or as plain text anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rich import box
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from pipelines.jobs.comparison import ComparedRun, Comparison, Estimate
from pipelines.jobs.comparison_words import DECIMALS, HEADINGS, change_in_words, remarks


class ComparisonView:
    """Draws the figures of every run with their intervals, and the differences to the first run."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """Yield both tables and what they are about."""
        style = box.SIMPLE_HEAD if console.is_terminal else None
        first, *others = self._comparison.runs
        yield _table("run", style, self._comparison.runs, lambda run: run.figures, "")
        if others:
            yield Text()
            yield _table(f"less {first.url}", style, others, lambda run: run.differences, "+")
        if first.drawn:
            yield Text()
            yield _table("drawn clicks", style, self._comparison.runs, lambda run: run.drawn, "")
            if others:
                yield Text()
                yield _table(
                    f"drawn clicks, less {first.url}", style, others, lambda run: run.drawn_differences, "+"
                )
        yield Text()
        for remark in remarks(self._comparison):
            yield Text(remark)
        for run in others:
            if run.changes is not None:
                yield Text(change_in_words(run, first))


def _table(
    heading: str,
    style: box.Box | None,
    runs: tuple[ComparedRun, ...] | list[ComparedRun],
    estimates: Callable[[ComparedRun], Mapping[str, Estimate | None]],
    sign: str,
) -> Table:
    names = list(estimates(runs[0]))
    table = Table(box=style, padding=(0, 2, 0, 0))
    table.add_column(heading, overflow="fold")
    for name in names:
        table.add_column(HEADINGS[name], justify="right")
    for run in runs:
        cells = (_cell(estimates(run)[name], DECIMALS[name], sign) for name in names)
        table.add_row(run.url if run.unfinished is None else f"{run.url} ({run.unfinished})", *cells)
    return table


def _cell(estimate: Estimate | None, decimals: int, sign: str) -> str:
    if estimate is None:
        return "-"
    mean = f"{estimate.mean:{sign}.{decimals}f}"
    if estimate.interval is None:
        return mean
    low, high = (f"{bound:{sign}.{decimals}f}" for bound in estimate.interval)
    return f"{mean} [{low}, {high}]"

"""The figures of a benchmark: on a terminal, as plain text anywhere else, and as Markdown for a page."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

from pipelines.benchmarks.machine import Machine
from pipelines.benchmarks.result import BenchResult, Cost, Fact, Line

_COSTS_SHOWN = 3
_BUSY = 0.5  # a core: more is other work


class BenchView:
    """Draws the ways with their times and ratios, the other figures, the largest costs, and the machine."""

    def __init__(self, result: BenchResult) -> None:
        self._result = result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """Yield the table and the lines below it."""
        result = self._result
        style = box.SIMPLE_HEAD if console.is_terminal else None
        table = Table(box=style, padding=(0, 2, 0, 0))
        table.add_column(title(result), overflow="fold")
        table.add_column(f"ms a {result.unit}", justify="right")
        table.add_column(result.ratio, justify="right")
        table.add_column("", overflow="fold")
        for group, lines in groups(result.lines):
            if group:
                table.add_row(group)
            for line in lines:
                indent = "  " if group else ""
                table.add_row(indent + line.what, milliseconds(line), ratio(line), line.note)
        yield table
        yield Text()
        for fact in result.facts:
            yield Text(fact_line(fact))
        for cost in result.costs[:_COSTS_SHOWN]:
            yield Text(cost_line(cost))
        for remark in result.remarks:
            yield Text(remark)
        yield Text(machine_line(result.machine))


def title(result: BenchResult) -> str:
    """The benchmark and the model, if one is benched."""
    return result.spec.name if result.spec.name == "pieces" else f"{result.spec.name}, {result.spec.model}"


def groups(lines: tuple[Line, ...]) -> Iterator[tuple[str, list[Line]]]:
    """The lines by their groups, in order."""
    for group in dict.fromkeys(line.group for line in lines):
        yield group, [line for line in lines if line.group == group]


def milliseconds(line: Line) -> str:
    """Of a unit, three digits."""
    return f"{line.milliseconds:.3g}" if line.milliseconds < 100 else f"{line.milliseconds:,.0f}"


def ratio(line: Line) -> str:
    """The median, and in brackets the lowest and the highest."""
    found = line.ratio
    return f"{found.median:.2f} [{found.lowest:.2f}, {found.highest:.2f}]"


def fact_line(fact: Fact) -> str:
    """Name, value and unit."""
    return f"{fact.what}: {fact.value:.4g}{f' {fact.unit}' if fact.unit else ''}"


def cost_line(cost: Cost) -> str:
    """A share and where it is."""
    return f"{cost.share:.1%} of the time in {cost.where}"


def machine_line(machine: Machine) -> str:
    """The machine and its software in one line."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    busy = f" Measured beside other work (load {machine.load:.1f})." if machine.load > _BUSY else ""
    return f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}, {versions}.{busy}"

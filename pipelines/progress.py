"""How far a job is, and how that is shown to a person: a bar in a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column

from actors.stop_request import before_leaving
from pipelines.progress_report import OnProgress, ProgressReport

SECONDS_BETWEEN_LINES = 15.0


Clock = Callable[[], float]


@dataclass(frozen=True)
class Pace:
    """How fast a job goes; None while that cannot be told."""

    done_per_second: float | None = None
    clicks_per_second: float | None = None
    seconds_left: float | None = None


class PaceMeter:
    """Measures the pace of this run alone.

    The measure starts with the first report in which something had moved: what earlier runs had done and the
    start of the workers (Ray, the network) would make both figures wrong for a long time.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._first: ProgressReport | None = None
        self._base: tuple[float, ProgressReport] | None = None

    def pace(self, report: ProgressReport) -> Pace:
        """Pace at `report`, which was received just now."""
        now = self._clock()
        if self._first is None:
            self._first = report
        if self._base is None:
            if (report.done, report.clicks) != (self._first.done, self._first.clicks):
                self._base = (now, report)
            return Pace()
        since, base = self._base
        if report.done < base.done or report.clicks < base.clicks:
            # a shard failed and what was done of it no longer counts
            self._base = (now, report)
            return Pace()
        if now <= since or (report.done, report.clicks) == (base.done, base.clicks):
            return Pace()
        done_per_second = (report.done - base.done) / (now - since)
        left = None
        if report.total is not None and done_per_second > 0:
            left = (report.total - report.done) / done_per_second
        return Pace(done_per_second, (report.clicks - base.clicks) / (now - since), left)


def duration(seconds: float) -> str:
    """A span of time for people: `41 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def figures(report: ProgressReport, pace: Pace, unit: str) -> str:
    """What stands beside the bar: `120/1,449 objects, 12.1 clicks/s, 2 quarantined, 9 min 10 s left`."""
    of_total = "" if report.total is None else f"/{report.total:,}"
    parts = [f"{report.done:,}{of_total} {unit}"]
    if report.clicks and pace.clicks_per_second is not None:
        parts.append(f"{pace.clicks_per_second:.1f} clicks/s")
    elif not report.clicks and pace.done_per_second is not None:
        digits = ".1f" if pace.done_per_second >= 1 else ".2g"  # a step of a large network takes a minute
        parts.append(f"{pace.done_per_second:{digits}} {unit}/s")
    if report.note:
        parts.append(report.note)
    if report.quarantined is not None:
        parts.append(f"{report.quarantined:,} quarantined")
    if pace.seconds_left is not None and report.done != report.total:
        parts.append(f"{duration(pace.seconds_left)} left")
    return ", ".join(parts)


def plain_line(title: str, report: ProgressReport, pace: Pace, unit: str) -> str:
    """`figures` as a line of a log, behind the job's name."""
    return f"{title}: {figures(report, pace, unit)}"


class PlainProgress:
    """Prints a line at the first report, at the last one, and every `SECONDS_BETWEEN_LINES` between.

    A line that says what the one before said is left out.
    """

    def __init__(self, console: Console, title: str, unit: str, clock: Clock = time.monotonic) -> None:
        self._console, self._title, self._unit, self._clock = console, title, unit, clock
        self._meter = PaceMeter(clock)
        self._printed_at: float | None = None
        self._printed = ""
        self._waiting: str | None = None

    def __call__(self, report: ProgressReport) -> None:
        """Take one report; most of them are not printed."""
        if report.notice:
            self._show(f"{self._title}: {report.notice}")
        line = plain_line(self._title, report, self._meter.pace(report), self._unit)
        now = self._clock()
        if self._printed_at is None or now - self._printed_at >= SECONDS_BETWEEN_LINES:
            self._printed_at, self._waiting = now, None
            self._print(line)
        else:
            self._waiting = line

    def close(self) -> None:
        """Print the last report where it was held back."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._print(waiting)

    def _print(self, line: str) -> None:
        if line != self._printed:
            self._show(line)
        self._printed = line

    def _show(self, line: str) -> None:
        # no wrapping and no markup: a log is read by programs as well
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)


class BarProgress:
    """A bar that rich redraws; `figures` stands to its right."""

    def __init__(self, console: Console, title: str, unit: str, clock: Clock = time.monotonic) -> None:
        self._unit = unit
        self._meter = PaceMeter(clock)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=True)),
            console=console,
            refresh_per_second=4,
            expand=True,
        )
        self._task = self._bar.add_task(title, total=None, figures="starting")
        self._bar.start()

    def __call__(self, report: ProgressReport) -> None:
        """Take one report."""
        if report.notice:
            self._bar.console.print(report.notice, markup=False, highlight=False)
        text = figures(report, self._meter.pace(report), self._unit)
        self._bar.update(self._task, completed=report.done, total=report.total, figures=text)

    def close(self) -> None:
        """Leave the bar as it stands and give the terminal back."""
        self._bar.stop()


@contextmanager
def shown_progress(title: str, unit: str, console: Console | None = None) -> Iterator[OnProgress]:
    """Show the reports of one job on stderr, so that stdout holds nothing but results."""
    console = Console(stderr=True) if console is None else console
    display = (BarProgress if console.is_terminal else PlainProgress)(console, title, unit)
    before_leaving(display.close)
    try:
        yield display
    finally:
        display.close()

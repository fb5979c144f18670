"""One page about a chaos run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from tests.chaos.labelling import HandOuts
from tests.chaos.schedule import Target


@dataclass(frozen=True)
class HitFault:
    """A process that lived until it was killed, with all that belongs to it."""

    target: Target
    pid: int


@dataclass(frozen=True)
class FinishedRun:
    """A disturbed run that was resumed until done.

    `committed` are the times of its commits, sorted. `ended` are drivers that gave up by themselves, with their last
    line. `num_orphans` counts part files that were seen and were gone at the end.
    """

    url: str
    seconds: float
    objects: int
    clicks: int
    errors: int
    committed: tuple[datetime, ...]
    hand_outs: HandOuts
    num_drivers: int
    ended: tuple[str, ...]
    num_orphans: int
    num_looks: int
    num_unanswered: int


@dataclass(frozen=True)
class Summary:
    """What came out; `calm_seconds` is the wall time of one undisturbed run of the same size in the same place."""

    seed: int
    num_shards: int
    calm_seconds: float
    faults: tuple[HitFault, ...]
    runs: tuple[FinishedRun, ...]
    findings: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Faults have hit, runs were done all the same, and nothing was found."""
        return bool(self.faults) and bool(self.runs) and not self.findings

    @property
    def seconds_lost(self) -> float:
        """Wall time of the disturbed runs beyond that of as many undisturbed ones."""
        return sum(run.seconds for run in self.runs) - self.calm_seconds * len(self.runs)

    def to_markdown(self, command: str) -> str:
        """The page; `command` repeats it."""
        return "\n".join(self._lines(command)) + "\n"

    def _lines(self, command: str) -> Iterator[str]:
        runs = self.runs
        num_shards = self.num_shards * len(runs)
        hand_outs = sum((run.hand_outs for run in runs), HandOuts(0, 0, 0))
        yield "# Chaos run"
        yield ""
        yield f"**{'Nothing lost, nothing twice' if self.is_good else 'NOT as it should be'}**"
        yield ""
        yield from (f"- {finding}" for finding in self.findings)
        if self.findings:
            yield ""
        yield "| killed | times |"
        yield "|---|---|"
        for target in Target:
            yield f"| {target} | {sum(fault.target is target for fault in self.faults)} |"
        yield f"| **all** | **{len(self.faults)}** |"
        yield ""
        yield "| | |"
        yield "|---|---|"
        yield f"| runs resumed until done | {len(runs)}, of {self.num_shards} shards each |"
        yield (
            f"| rows compared with the undisturbed run's | {_sum(runs, 'objects'):,} masks, "
            f"{_sum(runs, 'clicks'):,} clicks, {_sum(runs, 'errors'):,} errors |"
        )
        redone = hand_outs.num - num_shards
        yield f"| shards handed out | {hand_outs.num:,} times for {num_shards:,}: {redone:,} redone |"
        yield (
            f"| inside a driver's life | {hand_outs.num_failed} tries failed, "
            f"{hand_outs.num_lost_workers} times a worker was found lost |"
        )
        yield (
            f"| drivers | {sum(run.num_drivers for run in runs)} started, "
            f"{sum(len(run.ended) for run in runs)} ended by themselves |"
        )
        yield f"| orphaned part files | {_sum(runs, 'num_orphans')} seen, all deleted at the end |"
        yield (
            f"| a reader meanwhile | {_sum(runs, 'num_looks'):,} looks, nothing partial; "
            f"{_sum(runs, 'num_unanswered')} not answered |"
        )
        yield (
            f"| seconds | {sum(run.seconds for run in runs):,.0f}; undisturbed {self.calm_seconds:,.0f} a run: "
            f"{self.seconds_lost:,.0f} lost, {self._lost_per_fault()} a fault |"
        )
        yield f"| longest time without a commit | {self._longest_pause():,.0f} s |"
        yield ""
        for line in sorted({line for run in runs for line in run.ended}):
            yield f"- a driver ended: {line}"
        yield ""
        yield f"Again (kinds and order of the faults, not their moments): `{command}`"

    def _longest_pause(self) -> float:
        """Most seconds between two commits of a run that follow each other."""
        return max(
            ((later - one).total_seconds() for run in self.runs for one, later in pairwise(run.committed)),
            default=0.0,
        )

    def _lost_per_fault(self) -> str:
        return f"{self.seconds_lost / len(self.faults):.1f}" if self.faults else "-"


@dataclass(frozen=True)
class SignalTries:
    """What became of one job: `stopped` signals met it at work, `too_late` ones would have come after its end.

    `slowest` is the longest time from a signal to the end of the process, in seconds.
    """

    job: str
    stopped: int
    too_late: int
    slowest: float
    findings: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """It was stopped, and always as it should be."""
        return self.stopped > 0 and not self.findings


def signals_page(tries: Sequence[SignalTries]) -> str:
    """The page about commands that got signals."""
    verdict = (
        "Every one ended as it should" if all(tried.is_good for tried in tries) else "NOT as it should be"
    )
    lines = ["# Signals at random moments", "", f"**{verdict}**", ""]
    lines += [f"- {finding}" for tried in tries for finding in tried.findings]
    lines += ["", "| command | stopped | done before | slowest end | findings |", "|---|---|---|---|---|"]
    lines += [
        f"| {tried.job} | {tried.stopped} | {tried.too_late} | {tried.slowest:.1f} s | {len(tried.findings)} |"
        for tried in tries
    ]
    return "\n".join(lines) + "\n"


def _sum(runs: Sequence[FinishedRun], name: str) -> int:
    return sum(getattr(run, name) for run in runs)

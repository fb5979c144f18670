"""What a benchmark found, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors.specs.bench import BenchSpec
from infra.strict_json import to_json
from pipelines.benchmarks.machine import Machine
from pipelines.benchmarks.turns import Ratio


@dataclass(frozen=True)
class Line:
    """A way of doing the work.

    Attributes:
        group: what it is compared in, such as "2 threads"; empty if all lines are compared with each other.
        what: names it.
        milliseconds: wall time for a unit of the work, the median over the turns.
        ratio: what BenchResult.ratio says.
        note: what else there is to say of it.
    """

    group: str
    what: str
    milliseconds: float
    ratio: Ratio
    note: str = ""


@dataclass(frozen=True)
class Fact:
    """A figure that is no time of a way, such as a share or a number of clicks."""

    what: str
    value: float
    unit: str = ""


@dataclass(frozen=True)
class Cost:
    """A function of ours, as `Name.of (path)`, and the share of the time that was spent in it or in what it called."""

    where: str
    share: float


@dataclass(frozen=True)
class BenchResult:
    """The figures of one benchmark.

    Attributes:
        spec: what it was told.
        machine: what it ran on.
        unit: of the work, such as "click".
        ratio: what the ratios are, such as "of the time of the engine".
        lines: the ways.
        facts: other figures.
        remarks: what was not measured, and why.
        costs: the largest, by a profile; empty if none was asked for.
        seconds: of every way in every turn.
    """

    spec: BenchSpec
    machine: Machine
    unit: str
    ratio: str
    lines: tuple[Line, ...]
    facts: tuple[Fact, ...]
    seconds: Mapping[str, tuple[float, ...]]
    remarks: tuple[str, ...] = ()
    costs: tuple[Cost, ...] = ()

    def to_json(self) -> Any:
        """Every field, as `mfp bench --json` prints it."""
        return to_json(self)

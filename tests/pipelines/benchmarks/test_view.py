"""The figures of a benchmark as a person sees them."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from actors.specs.bench import BenchSpec
from infra.strict_json import from_json
from pipelines.benchmarks.machine import Machine, this_machine
from pipelines.benchmarks.result import BenchResult, Cost, Fact, Line
from pipelines.benchmarks.turns import Ratio
from pipelines.views.bench import BenchView
from tests.performance_page import BEGIN, CALLS, END, PAGE, figures, page_with_figures

MACHINE = Machine("a processor", 2, "Linux 6 x86_64", "3.11.7", {"torch": "2.14.1"}, 0.1)
RESULT = BenchResult(
    spec=BenchSpec(name="sequential"),
    machine=MACHINE,
    unit="click",
    ratio="x the speed of the loop",
    lines=(
        Line("", "loop, 1 process x 2 threads", 204.4, Ratio(1.0, 1.0, 1.0)),
        Line(
            "",
            "engine by torch, 2 processes x 1 thread",
            66.66,
            Ratio(3.05, 2.98, 3.2),
            "the loop's clicks on 4 of 4",
        ),
    ),
    facts=(Fact("clicks", 32), Fact("NoC@90", 1.75, "clicks")),
    seconds={"loop": (6.5,), "engine": (2.1,)},
    remarks=("something was left out",),
    costs=tuple(Cost(f"f{number} (mfp/a.py)", 0.5 / number) for number in range(1, 5)),
)


def shown(result: BenchResult, *, terminal: bool) -> str:
    stream = io.StringIO()
    Console(file=stream, width=80, force_terminal=terminal, color_system=None).print(BenchView(result))
    return stream.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_everything_fits_80_columns_and_nothing_is_cut(terminal: bool) -> None:
    text = shown(RESULT, terminal=terminal)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    words = text.split()
    assert {"204", "66.7", "3.05", "[2.98,", "3.20]"} <= set(words)
    assert text.count("% of the time in") == 3


def test_a_busy_machine_is_told() -> None:
    assert "beside other work" not in shown(RESULT, terminal=False)
    busy = replace(RESULT, machine=replace(MACHINE, load=3.04))
    assert "Measured beside other work (load 3.0)" in " ".join(shown(busy, terminal=False).split())


def test_json_holds_all_of_it() -> None:
    assert from_json(BenchResult, RESULT.to_json()) == RESULT


def test_this_machine_has_a_name_cores_and_versions() -> None:
    machine = this_machine()
    assert machine.processor
    assert machine.cores >= 1
    assert {"torch", "ray", "numpy"} <= set(machine.versions)


def test_the_page_gets_the_figures_of_every_call() -> None:
    page = page_with_figures(f"before {BEGIN} old {END} after", figures([(CALLS[0], RESULT)]))
    assert page.startswith(f"before {BEGIN}\n\na processor, 2 cores")
    assert page.endswith(f"{END} after")
    assert (
        "| engine by torch, 2 processes x 1 thread | 66.7 | 3.05 [2.98, 3.20] | the loop's clicks on 4 of 4 |"
        in page
    )
    assert f"`mfp bench {CALLS[0]}`" in page
    assert "- NoC@90: 1.75 clicks" in page
    assert "old" not in page


def test_the_page_in_the_repository_has_its_markers() -> None:
    assert page_with_figures(PAGE.read_text(), "none") != PAGE.read_text()
    with pytest.raises(ValueError, match="each once and in this order"):
        page_with_figures(END + BEGIN, "none")

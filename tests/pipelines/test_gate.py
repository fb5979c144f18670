"""A gate passes what is shown to be no worse, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from actors.specs.reading import CompareSpec
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from mfp.bootstrap import Interval
from pipelines.api import compare
from pipelines.cli import app
from pipelines.errors import OptionError
from pipelines.exit_codes import ExitCode
from pipelines.inputs.run_record import request_of
from pipelines.jobs.comparison import ComparedRun, Comparison, Estimate
from pipelines.jobs.gate import GateVerdict
from tests.pipelines.clicked_runs import Ious, begin, commit
from tests.specs import label_record

STORAGE = Storage()
QUICK: Ious = (0.5, 0.96)
SLOW: Ious = (0.5, 0.6, 0.88, 0.96)


def run_of(folder: Path, objects: list[Ious], *, num_shards: int = 1) -> str:
    run = begin(str(folder), num_shards=num_shards)
    commit(run, "s0.tar", objects)
    return run.url


def verdict(urls: list[str], margin: float) -> tuple[GateVerdict, str]:
    (judgement,) = compare(urls).gate(margin).judgements
    return judgement.verdict, judgement.reason


def of_interval(low: float, high: float, margin: float) -> GateVerdict:
    estimate = Estimate((low + high) / 2, Interval(low, high))
    runs = tuple(ComparedRun(name, 9, 1, 1, {}, {"noc90": estimate}) for name in ("first", "later"))
    return Comparison(runs, 90, 90, is_same_data=True).gate(margin).judgements[0].verdict


@given(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), st.floats(0, 20))
def test_what_passes_is_shown_to_be_no_worse_and_a_larger_margin_passes_more(
    ends: tuple[float, float], margin: float
) -> None:
    low, high = sorted(ends)
    found = of_interval(low, high, margin)
    assert (found is GateVerdict.NO_WORSE) == (high <= margin)
    assert (found is GateVerdict.WORSE) == (low > margin)
    assert found is not GateVerdict.NO_WORSE or of_interval(low, high, margin + 1) is GateVerdict.NO_WORSE


def test_the_verdict_is_that_of_the_paired_interval(tmp_path: Path) -> None:
    first = run_of(tmp_path / "first", [QUICK] * 32 + [SLOW] * 16)
    same = run_of(tmp_path / "same", [QUICK] * 32 + [SLOW] * 16)
    worse = run_of(tmp_path / "worse", [SLOW] * 48)
    mixed = run_of(tmp_path / "mixed", [SLOW] * 4 + [QUICK] * 28 + [SLOW] * 16)
    assert verdict([first, same], 0.0)[0] is GateVerdict.NO_WORSE
    assert verdict([first, worse], 0.2)[0] is GateVerdict.WORSE
    found, reason = verdict([first, mixed], 0.2)
    assert found is GateVerdict.UNCERTAIN, "2 clicks more on 4 of 48 objects"
    assert "differs by +0.17 [+0.00, " in reason
    assert "shown neither to be worse by more than 0.2 nor to be no worse by more" in reason
    assert verdict([first, mixed], 1.5)[0] is GateVerdict.NO_WORSE


def test_what_cannot_be_judged_does_not_pass(tmp_path: Path) -> None:
    first = run_of(tmp_path / "first", [QUICK] * 40)
    half = run_of(tmp_path / "half", [QUICK] * 40, num_shards=2)
    lacking = run_of(tmp_path / "lacking", [QUICK] * 39)
    other = RunDirectory(str(tmp_path / "other"), STORAGE)
    record = label_record(max_clicks=4, target_iou=0.95)
    other.open(request_of(replace(record, dataset=replace(record.dataset, fingerprint="other"))))
    commit(other, "s0.tar", [QUICK] * 40)
    another_user = RunDirectory(str(tmp_path / "user"), STORAGE)
    another_user.open(request_of(label_record(max_clicks=4, target_iou=0.95, clicks="simulated:uniform")))
    commit(another_user, "s0.tar", [QUICK] * 40)
    for run, expected in (
        (half, "is not finished (unfinished: 1 of 2 shards)"),
        (lacking, "it lacks 1 object that"),
        (other.url, "the data sets differ"),
        (another_user.url, "clicks of uniform and of protocol"),
    ):
        found, reason = verdict([first, run], 20.0)
        assert found is GateVerdict.UNDEFINED
        assert expected in reason
    assert not compare([first]).gate(20.0).passes, "nothing was judged"


@pytest.mark.parametrize("num_images", [1, 2, 19])
def test_fewer_than_twenty_images_are_too_few_to_judge_by(tmp_path: Path, num_images: int) -> None:
    urls = [run_of(tmp_path / name, [QUICK, QUICK] * num_images) for name in ("first", "same")]
    assert verdict(urls, 20.0) == (
        GateVerdict.UNDEFINED,
        f"it cannot be judged: {num_images} image{'s' * (num_images > 1)} are too few: the interval over fewer than 20 "
        "is too narrow to judge by; evaluate more",
    )
    urls = [run_of(tmp_path / f"{name}-more", [QUICK, QUICK] * 20) for name in ("first", "same")]
    assert verdict(urls, 0.0)[0] is GateVerdict.NO_WORSE


def test_the_command_ends_with_a_code_of_its_own_and_programs_get_the_verdict(tmp_path: Path) -> None:
    first = run_of(tmp_path / "first", [QUICK] * 40)
    worse = run_of(tmp_path / "worse", [SLOW] * 40)

    def mfp(*options: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["compare", *options])
        return result.exit_code, result.stdout, result.stderr

    code, told, said = mfp(first, worse, first, "--fail-if-worse", "0.5")
    assert code == 4
    assert "NoC@90" in told
    failed, passed = said.splitlines()
    assert failed.startswith(
        f"mfp: {worse} fails: NoC@90 differs by +2.00 [+2.00, +2.00] clicks from that of"
    )
    assert passed.startswith(f"mfp: {first} passes: ")
    code, told, _ = mfp(first, worse, "--fail-if-worse", "0.5", "--json")
    assert code == ExitCode.NOT_PASSED
    gate = json.loads(told)["gate"]
    assert (gate["passes"], gate["margin"], gate["figure"]) == (False, 0.5, "noc90")
    assert gate["runs"][0]["verdict"] == "worse"
    assert mfp(first, worse, "--fail-if-worse", "2")[0] == 0
    assert mfp(first, worse)[0] == 0
    assert mfp(first, "--fail-if-worse", "1")[0] == ExitCode.USAGE


@pytest.mark.parametrize("margin", [float("nan"), float("inf"), -0.1, "0.2", None, True])
def test_a_margin_that_is_no_number_of_clicks_is_refused(margin: Any) -> None:
    with pytest.raises(OptionError, match=f"a margin of {margin!r} clicks: give a number of 0 or more"):
        Comparison((), 9, 9, is_same_data=True).gate(margin)


def test_a_gate_needs_two_runs() -> None:
    with pytest.raises(ValueError, match="fail_if_worse with one run"):
        CompareSpec(runs=("one",), fail_if_worse=0.5)

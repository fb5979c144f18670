"""An evaluation ends when it is decided against a finished run, in the random order of its shards."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from actors.specs.evaluate import Decision, EvaluateSpec, Robustness
from infra.errors import RunDirectoryError
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard
from infra.shards.manifest import ShardEntry, load_manifest
from infra.storage.files import Storage
from pipelines.cli import app
from pipelines.errors import OptionError
from pipelines.inputs.run_record import LabelRecord, read_record, request_of
from pipelines.jobs.comparison import compare_runs
from pipelines.jobs.decided import DECIDED_FILE, Decided, Verdict, read_decided, write_decided
from pipelines.jobs.gate import GateVerdict
from pipelines.jobs.label import RunSummary
from pipelines.jobs.report import build_report
from pipelines.jobs.robustness import run_evaluation
from pipelines.jobs.submit import run_progress
from pipelines.jobs.until_decided import UntilDecided, random_order
from pipelines.run import Run
from tests.actors.shapes import rows_of, write_shapes
from tests.pipelines.clicked_runs import Ious, begin, commit
from tests.pipelines.past_runs import label_here
from tests.specs import evaluate_spec, label_record

STORAGE = Storage()
NUM_SHARDS = 24
QUICK: Ious = (0.96,)
MIDDLE: Ious = (0.5, 0.96)
SLOW: Ious = (0.5, 0.6, 0.7, 0.8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("shapes"))
    return write_shapes(folder, STORAGE, num_samples=NUM_SHARDS, samples_per_shard=1).url


def asked(data: str, out: Path, zoom_size: int, base: str | None = None) -> EvaluateSpec:
    """The smaller the crops, the worse the model; at 160 pixels it is good.

    One worker does the shards in their order. If one of two were held up on its first shard, the other could finish
    all the rest before anything is decided.
    """
    spec = evaluate_spec(
        data, str(out), "analytic", max_clicks=6, zoom_size=zoom_size, device="cpu", workers="1"
    )
    return replace(spec, decision=Decision(until_decided=base))


@pytest.fixture(scope="module")
def good(data: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished run of the good setting."""
    return label_here(asked(data, tmp_path_factory.mktemp("good") / "run", 160).labelling()).url


@pytest.fixture(scope="module")
def bad(data: str, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A finished run of the bad setting, which was never decided."""
    return label_here(asked(data, tmp_path_factory.mktemp("bad") / "run", 32).labelling())


def evaluate(spec: EvaluateSpec) -> RunSummary:
    return run_evaluation(spec, lambda report: None)


def test_a_worse_setting_is_decided_early_and_may_go_on_to_the_rows_of_a_whole_run(
    data: str, good: str, bad: RunDirectory, tmp_path: Path, ray_cluster: None
) -> None:
    spec = asked(data, tmp_path / "run", 32, good)
    summary = evaluate(spec)
    decided = read_decided(spec.out, STORAGE)
    assert decided is not None
    assert decided.verdict is Verdict.WORSE
    assert decided.low > 0
    assert summary.left > 0
    run = RunDirectory(spec.out, STORAGE)
    committed = run.committed()
    assert decided.shards_used <= len(committed) == NUM_SHARDS - summary.left
    fingerprint = load_manifest(STORAGE, data).fingerprint
    names = [shard.name for shard in load_manifest(STORAGE, data).shards]
    used = random_order(names, 0, fingerprint)[: decided.shards_used]
    assert set(used) <= committed.keys()
    num_objects = read_masks(RunDirectory(good, STORAGE))
    assert decided.objects_used == sum(num_objects[name] for name in used)
    assert decided.objects_saved == sum(num_objects[name] for name in names if name not in committed)
    exact = compare_runs([good, bad.url], STORAGE).runs[1].differences["noc90"]
    assert exact is not None
    assert decided.low <= exact.mean <= decided.high

    again = evaluate(spec)
    assert (again.skipped_shards, again.left) == (len(committed), summary.left)
    assert read_decided(spec.out, STORAGE) == decided

    assert evaluate(replace(spec, decision=Decision())).left == 0
    assert rows_of(run) == rows_of(bad)
    assert Run(spec.out, STORAGE).is_finished
    assert build_report(spec.out, STORAGE).unfinished is None, (
        "a complete run is finished, whatever was decided"
    )
    assert (
        read_record(LabelRecord, spec.out, STORAGE).spec.network
        == read_record(LabelRecord, bad.url, STORAGE).spec.network
    )


def read_masks(run: RunDirectory) -> dict[str, int]:
    """Objects by shard."""
    shards: list[str] = run.read_masks(["shard"])["shard"].to_pylist()
    return {shard: shards.count(shard) for shard in shards}


def test_the_command_says_what_it_saved_and_everybody_says_that_the_run_was_decided(
    data: str, good: str, tmp_path: Path, ray_cluster: None
) -> None:
    out = str(tmp_path / "run")
    line = (
        f"evaluate {data} --out {out} --model analytic --max-clicks 6 --zoom-size 32 --until-decided {good} "
        "--workers 1"
    )
    told = CliRunner().invoke(app, [*line.split(), "--device", "cpu"])
    assert told.exit_code == 0, told.output
    decided = read_decided(out, STORAGE)
    assert decided is not None
    (said,) = [line for line in told.stdout.splitlines() if "objects saved" in line]
    assert said.startswith(
        f"decided after {decided.shards_used} of {NUM_SHARDS} shards: NoC@90 is worse than that of"
    )
    report = json.loads(CliRunner().invoke(app, ["report", out, "--json"]).stdout)
    assert (report["finished"], report["decided"]["verdict"]) == (False, "worse")
    assert str(run_progress(out, STORAGE.options)).startswith(f"{decided}, ")
    compared = compare_runs([good, out], STORAGE)
    assert compared.runs[1].unfinished == str(decided)
    assert compared.gate(9).judgements[0].verdict is GateVerdict.UNDEFINED, (
        "its interval allows for no early end"
    )


# The plan alone, held against runs whose clicks are given.


def run_of(folder: Path, shards: list[list[Ious]]) -> RunDirectory:
    run = begin(str(folder), num_shards=len(shards))
    for idx, objects in enumerate(shards):
        commit(run, f"s{idx}.tar", objects)
    return run


def planned(
    base: RunDirectory, out: str, num_shards: int, margin: float = 0.0
) -> tuple[UntilDecided, list[str]]:
    plan = UntilDecided(base.url, margin, STORAGE)
    record = label_record(max_clicks=4, target_iou=0.95, num_shards=num_shards)
    record = replace(record, spec=replace(record.spec, out=out))
    shards = tuple(ShardEntry(f"s{idx}.tar", 1) for idx in range(num_shards))
    return plan, [shard.name for shard in plan.ordered(record, shards)]


def test_the_order_is_that_of_seed_and_data_and_has_every_shard() -> None:
    names = [f"s{idx}" for idx in range(20)]
    order = random_order(names, 0, "f")
    assert sorted(order) == sorted(names)
    assert order == random_order(names, 0, "f") != names
    assert len({tuple(random_order(names, seed, of)) for seed, of in ((0, "f"), (1, "f"), (0, "g"))}) == 3


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDirectory, RunDirectory]:
    """A finished run, and one that is worse on every object."""
    folder = tmp_path_factory.mktemp("runs")
    return run_of(folder / "base", [[MIDDLE]] * 12), run_of(folder / "new", [[SLOW]] * 12)


@settings(max_examples=15)
@given(finishing=st.permutations(range(12)))
def test_shards_that_are_done_in_any_order_lead_to_the_same_decision(
    two_runs: tuple[RunDirectory, RunDirectory], finishing: list[int]
) -> None:
    base, new = two_runs
    used = _used(base, new, 12)
    assert 1 < used < 12
    plan, order = planned(base, new.url, 12)
    records, done = new.committed(), set[str]()
    goes_on = True
    for idx in finishing:
        if not goes_on:
            break
        done.add(order[idx])
        goes_on = plan.goes_on(new, [records[order[idx]]], ())
        assert goes_on == (not set(order[:used]) <= done)
    plan.ended(new, done)
    decided = read_decided(new.url, STORAGE)
    assert len(done) == 12 or (decided is not None and decided.shards_used == used)


def _used(base: RunDirectory, run: RunDirectory, num_shards: int) -> int:
    """Shards until it is decided, if they are done in their order."""
    plan, order = planned(base, run.url, num_shards)
    records = run.committed()
    return next(k for k, name in enumerate(order, 1) if not plan.goes_on(run, [records[name]], ()))


def test_two_equal_runs_are_decided_by_a_margin_alone(tmp_path: Path) -> None:
    shards: list[list[Ious]] = [[QUICK if idx % 2 else SLOW] for idx in range(30)]
    base, new = run_of(tmp_path / "base", shards), run_of(tmp_path / "new", shards)
    records = list(new.committed().values())
    for margin, goes_on in ((0.0, True), (0.9, False)):
        plan, order = planned(base, new.url, 30, margin)
        first = [record for record in records if record.shard in order[:25]]
        assert plan.goes_on(new, first, ()) is goes_on
        plan.ended(new, {record.shard for record in first})
    decided = read_decided(new.url, STORAGE)
    assert decided is not None
    assert decided.verdict is Verdict.EQUAL
    assert -0.9 <= decided.low <= 0 <= decided.high <= 0.9
    assert "equal to that of" in decided.in_words


def test_an_object_that_the_new_run_lacks_may_have_been_anything(tmp_path: Path) -> None:
    base = run_of(tmp_path / "base", [[MIDDLE, MIDDLE]] * 10)
    whole = run_of(tmp_path / "whole", [[SLOW, SLOW]] * 10)
    lacking = run_of(tmp_path / "lacking", [[SLOW]] * 10)
    without = [_used(base, run, 10) for run in (whole, lacking)]
    assert without[0] < without[1] <= 10


def test_an_object_that_the_finished_run_lacks_does_not_count(tmp_path: Path) -> None:
    base = run_of(tmp_path / "base", [[MIDDLE]] * 10)
    more = run_of(tmp_path / "more", [[SLOW, QUICK]] * 10)
    assert _used(base, more, 10) == _used(base, run_of(tmp_path / "same", [[SLOW]] * 10), 10)


def test_a_shard_that_is_set_aside_holds_nothing_up_and_counts_as_anything(tmp_path: Path) -> None:
    base, new = run_of(tmp_path / "base", [[MIDDLE]] * 20), run_of(tmp_path / "new", [[SLOW]] * 20)
    plan, order = planned(base, new.url, 20)
    records = new.committed()
    assert plan.goes_on(new, (), [SetAsideShard(order[0], 3, "broken")])
    used = next(k for k, name in enumerate(order[1:], 2) if not plan.goes_on(new, [records[name]], ()))
    undisturbed, _ = planned(base, new.url, 20)
    whole = next(k for k, name in enumerate(order, 1) if not undisturbed.goes_on(new, [records[name]], ()))
    assert whole < used < 20


def test_what_the_sequence_is_about_is_the_difference_that_compare_shows(tmp_path: Path) -> None:
    """Shards of other sizes, done to the end: the mean over shards is that over objects."""
    rng = np.random.default_rng(0)
    ladder: list[Ious] = [(0.96,), (0.5, 0.96), (0.5, 0.5, 0.96), SLOW]
    sizes = [1, 5, 2, 1, 3]
    runs = [
        run_of(tmp_path / name, [[ladder[rng.integers(4)] for _ in range(size)] for size in sizes])
        for name in ("base", "new")
    ]
    plan, _ = planned(runs[0], runs[1].url, 5, margin=0.0)
    plan.goes_on(runs[1], runs[1].committed().values(), ())
    looked = plan._looked_at
    less = compare_runs([run.url for run in runs], STORAGE).runs[1].differences["noc90"]
    assert less is not None
    assert looked.population.at_least.mean() == pytest.approx(less.mean) or looked.population.num_drawn < 5


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"max_clicks": 5}, "it allowed 4 clicks, and this run 5: give the same --max-clicks"),
        (
            {"clicks": "simulated:uniform"},
            "it differs by more than the model: clicks of protocol and of uniform",
        ),
        ({"num_shards": 3}, "it is of other data"),
    ],
)
def test_a_run_that_does_not_compare_is_refused(
    tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    base = run_of(tmp_path / "base", [[QUICK], [SLOW]])
    record = label_record(**{"max_clicks": 4, "target_iou": 0.95, "num_shards": 2, **change})  # type: ignore[arg-type]
    with pytest.raises(OptionError) as refused:
        UntilDecided(base.url, 0.0, STORAGE).ordered(record, ())
    assert str(refused.value).startswith(f"--until-decided {base.url}: {expected}")


def test_a_run_that_says_nothing_of_the_data_is_refused(tmp_path: Path) -> None:
    unfinished = begin(str(tmp_path / "unfinished"), num_shards=2)
    commit(unfinished, "s0.tar", [QUICK])
    without_truth = begin(str(tmp_path / "without"), num_shards=2)
    for shard in ("s0.tar", "s1.tar"):
        commit(without_truth, shard, [(None,)])
    one = run_of(tmp_path / "one", [[QUICK]])
    for run, num_shards, expected in (
        (unfinished, 2, "it has 1 of 2 shards: finish it first"),
        (without_truth, 2, "none of its objects has a truth"),
        (one, 1, "the data set has one shard only.*smaller --samples-per-shard"),
    ):
        with pytest.raises(OptionError, match=expected):
            planned(run, str(tmp_path / "new"), num_shards)
    with pytest.raises(OptionError, match="that is the run itself"):
        planned(one, one.url, 1)
    with pytest.raises(RunDirectoryError, match="is no run directory"):
        UntilDecided(str(tmp_path / "nothing"), 0.0, STORAGE).ordered(label_record(), ())


def test_settings_that_do_not_go_together_are_refused(data: str, tmp_path: Path) -> None:
    spec = asked(data, tmp_path / "run", 32, "base")
    with pytest.raises(ValueError, match="robustness with until_decided"):
        replace(spec, robustness=Robustness(robustness=True))
    with pytest.raises(ValueError, match="margin is for until_decided"):
        Decision(margin=0.5)
    assert (
        request_of(label_record(spec.labelling())).document
        == request_of(label_record(replace(spec, decision=Decision()).labelling())).document
    )


def test_a_decision_is_read_as_it_was_written_and_strictly(tmp_path: Path) -> None:
    decided = Decided(
        verdict=Verdict.BETTER,
        low=-2.5,
        high=-0.25,
        alpha=0.05,
        margin=0.0,
        base_run="base",
        shards_used=12,
        num_shards=40,
        objects_used=120,
        objects_saved=270,
        num_objects=400,
    )
    write_decided(str(tmp_path), decided, STORAGE)
    assert read_decided(str(tmp_path), STORAGE) == decided
    assert decided.in_words == (
        "decided after 12 of 40 shards: NoC@90 is better than that of base by 0.25 to 2.50 clicks "
        "(95% confidence sequence); 270 of 400 objects saved"
    )
    document = json.loads((tmp_path / DECIDED_FILE).read_text())
    (tmp_path / DECIDED_FILE).write_text(json.dumps(document | {"verdict": "good"}))
    with pytest.raises(RunDirectoryError, match="does not say what was decided"):
        read_decided(str(tmp_path), STORAGE)

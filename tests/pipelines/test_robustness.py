"""An evaluation with drawn clicks: each draw is a run, and the report sets them beside the protocol's clicks."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import pipelines.jobs.label
from actors.specs.clicks import Clicks
from actors.specs.evaluate import EvaluateSpec, Robustness
from actors.specs.label import LabelSpec
from actors.specs.verify import VerifySpec
from actors.specs.workers import Workers
from actors.stop_request import Stopped
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard
from infra.storage.files import Storage
from pipelines.cli import app
from pipelines.errors import IncompleteRunError
from pipelines.jobs.comparison import compare_runs
from pipelines.jobs.drawn_figures import draw_url, read_draws
from pipelines.jobs.label import RunSummary
from pipelines.jobs.report import build_report
from pipelines.jobs.report_files import write_report
from pipelines.jobs.robustness import run_evaluation
from pipelines.jobs.verify import run_verify
from pipelines.progress_report import OnProgress, ProgressReport
from pipelines.views.comparison import ComparisonView
from pipelines.views.report import ReportView
from tests.actors.shapes import rows_of, write_shapes
from tests.pipelines.past_runs import label_here
from tests.specs import evaluate_spec

STORAGE = Storage()


@pytest.fixture
def spec(tmp_path: Path) -> EvaluateSpec:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=4, samples_per_shard=2)
    asked = evaluate_spec(
        str(tmp_path / "data"), str(tmp_path / "run"), "analytic", zoom_size=96, max_clicks=6, seed=7
    )
    return replace(asked, robustness=Robustness(robustness=True, draws=3))


@pytest.fixture
def labelled(monkeypatch: pytest.MonkeyPatch) -> list[LabelSpec]:
    """The runs that were asked for; each is made in this process."""
    asked: list[LabelSpec] = []

    def run_label(spec: LabelSpec, on_progress: OnProgress) -> RunSummary:
        asked.append(spec)
        run = label_here(spec)
        on_progress(ProgressReport(1, 1, note="well"))
        return RunSummary(run.read_masks(["area"]).num_rows, 0, 0, 0.0, 2, 0)

    monkeypatch.setattr(pipelines.jobs.label, "run_label", run_label)
    return asked


def printed(view: Any) -> str:
    stream = io.StringIO()
    Console(file=stream, width=200).print(view)
    return stream.getvalue()


def test_every_draw_is_a_run_of_its_own_seed_and_of_the_same_settings(
    spec: EvaluateSpec, labelled: list[LabelSpec], ray_cluster: None
) -> None:
    seen: list[ProgressReport] = []
    run_evaluation(spec, seen.append)
    first, *draws = labelled
    assert first == spec.labelling()
    assert [(draw.seed, draw.out, draw.clicks.source) for draw in draws] == [
        (7 + number, draw_url(spec.out, number), "simulated:distance-weighted") for number in range(3)
    ]
    for draw in draws:
        alike = replace(draw, seed=first.seed, out=first.out, clicks=first.clicks)
        # of the evaluation it is said what its run has chosen
        assert alike == replace(first, network=replace(first.network, backend="torch"))
    assert [report.note for report in seen] == [
        "well",
        "draw 1 of 3, well",
        "draw 2 of 3, well",
        "draw 3 of 3, well",
    ]
    rows = [RunDirectory(draw.out, STORAGE).read_clicks(["y", "x"]).to_pylist() for draw in draws]
    assert rows[0] != rows[1] != rows[2]
    for url in (spec.out, draws[2].out):
        assert run_verify(VerifySpec(run=url, sample=1.0)).is_good


def test_through_ray_rows_are_the_same_and_a_stopped_evaluation_goes_on(
    spec: EvaluateSpec, ray_cluster: None, tmp_path: Path
) -> None:
    """The first time it is stopped in its second draw; the second time it has two workers."""

    def stop_in_second_draw(report: ProgressReport) -> None:
        if report.stage == "draw 2 of 2" and report.done:
            raise Stopped("test")

    asked = replace(spec, robustness=Robustness(True, 2))
    with pytest.raises(Stopped):
        run_evaluation(asked, stop_in_second_draw)
    first_draw = Path(draw_url(spec.out, 0), "commits")
    before = {path.name: path.stat().st_mtime_ns for path in first_draw.iterdir()}
    run_evaluation(replace(asked, workers=Workers("2")), lambda report: None)
    assert {path.name: path.stat().st_mtime_ns for path in first_draw.iterdir()} == before
    for draw in range(2):
        clicks = Clicks("simulated:distance-weighted", 6, 0.95)
        here = replace(asked.labelling(), out=str(tmp_path / f"here-{draw}"), seed=7 + draw, clicks=clicks)
        rows = [
            rows_of(run)["clicks"]
            for run in (label_here(here), RunDirectory(draw_url(spec.out, draw), STORAGE))
        ]
        assert rows[0] == rows[1]


def test_without_asking_there_is_one_run(spec: EvaluateSpec, labelled: list[LabelSpec]) -> None:
    run_evaluation(replace(spec, robustness=Robustness()), lambda report: None)
    assert labelled == [spec.labelling()]
    assert read_draws(spec.out, STORAGE) is None


def test_the_figures_are_those_of_the_runs_object_by_object(
    spec: EvaluateSpec, labelled: list[LabelSpec], ray_cluster: None
) -> None:
    run_evaluation(spec, lambda report: None)
    draws = read_draws(spec.out, STORAGE)
    assert draws is not None
    assert (draws.user, draws.num_draws, draws.left_out) == ("distance-weighted", 3, ())
    everything = np.ones(len(draws.names), np.bool_)
    figures = draws.figures("85", everything)
    assert figures is not None
    of_runs = [
        build_report(url, STORAGE).to_json()["noc"]
        for url in (spec.out, *(draw_url(spec.out, number) for number in range(3)))
    ]
    nocs = [value for noc in of_runs if isinstance(noc, dict) and isinstance(value := noc["85"], float)]
    assert len(nocs) == 4
    assert figures.protocol == pytest.approx(nocs[0])
    assert figures.drawn == pytest.approx(np.mean(nocs[1:]))
    sizes = [draws.of_size(size) for size in ("small", "medium", "large")]
    assert np.array_equal(np.sum(sizes, axis=0), everything)
    assert sizes[0].sum() == sum(area < 32 * 32 for area in draws.truth_area) > 0
    report = build_report(spec.out, STORAGE)
    assert report.draws is not None
    document = report.to_json()["robustness"]
    assert isinstance(document, dict)
    assert document["draws"] == 3
    text = printed(ReportView(report))
    assert f"{figures.drawn:.2f}" in text
    assert f"{figures.worse:+.1%}" in text
    assert "3 draws of the simulated user distance-weighted" in text


def test_a_draw_that_is_unfinished_or_of_other_settings_does_not_count(
    spec: EvaluateSpec, labelled: list[LabelSpec], ray_cluster: None
) -> None:
    run_evaluation(replace(spec, robustness=Robustness(True, 1)), lambda report: None)
    part = replace(labelled[1], seed=8, out=draw_url(spec.out, 1))
    label_here(part, num_shards=1)
    label_here(replace(part, out=draw_url(spec.out, 2), network=replace(part.network, flip="off")))
    draws = read_draws(spec.out, STORAGE)
    assert draws is not None
    assert draws.num_draws == 1
    assert draws.left_out[0] == "draw-001: unfinished, 1 of 2 shards"
    assert draws.left_out[1].startswith("draw-002: ")
    assert 'network.flip is "on" there and "off" here' in draws.left_out[1]


def test_draws_that_came_after_the_report_are_no_finding(
    spec: EvaluateSpec, labelled: list[LabelSpec], ray_cluster: None
) -> None:
    run_evaluation(replace(spec, robustness=Robustness()), lambda report: None)
    write_report(spec.out, STORAGE)
    run_evaluation(spec, lambda report: None)
    assert run_verify(VerifySpec(run=spec.out, sample=0.0)).is_good


def test_runs_with_draws_of_one_user_are_compared_over_drawn_clicks(
    spec: EvaluateSpec, labelled: list[LabelSpec], ray_cluster: None, tmp_path: Path
) -> None:
    other = replace(spec, out=str(tmp_path / "other"), network=replace(spec.network, flip="off"))
    for one in (spec, other):
        run_evaluation(one, lambda report: None)
    compared = compare_runs([spec.out, other.out], STORAGE)
    first, second = compared.runs
    draws = read_draws(spec.out, STORAGE)
    assert draws is not None
    drawn = first.drawn["noc85"]
    assert drawn is not None
    assert drawn.mean == pytest.approx(draws.drawn["85"].mean())
    assert second.drawn_differences["noc85"] is not None
    assert "drawn clicks, less" in printed(ComparisonView(compared))
    alone = compare_runs([spec.out, draw_url(spec.out, 0)], STORAGE)
    assert [run.drawn for run in alone.runs] == [{}, {}]
    assert alone.runs[1].incomparable == "clicks of distance-weighted and of protocol"
    assert alone.runs[1].differences["noc85"] is None


def test_a_draw_without_all_its_shards_ends_the_evaluation(
    spec: EvaluateSpec, monkeypatch: pytest.MonkeyPatch, ray_cluster: None
) -> None:
    def run_label(asked: LabelSpec, on_progress: OnProgress) -> RunSummary:
        lost = () if asked.out == spec.out else (SetAsideShard("s.tar", 3, "broken"),)
        return RunSummary(1, 1, 0, 0.0, 2, 0, set_aside=lost)

    monkeypatch.setattr(pipelines.jobs.label, "run_label", run_label)
    with pytest.raises(IncompleteRunError, match="draw 1 of 3: 1 of 2 shards could not be evaluated"):
        run_evaluation(spec, lambda report: None)


def test_the_users_are_listed_with_their_options() -> None:
    text = " ".join(CliRunner().invoke(app, ["users"]).output.split())
    assert "distance-weighted" in text
    assert "0<=p<=1" in text
    assert "protocol" in CliRunner().invoke(app, ["users", "--json"]).output

"""The commands that make data sets, masks and figures: shard, label, evaluate, report, compare, users."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from actors.specs.evaluate import EvaluateSpec
from actors.specs.label import LabelSpec
from actors.specs.model import TRAINING_RUN_PREFIX
from actors.specs.reading import CompareSpec, ReportSpec
from actors.specs.shard import ShardSpec
from pipelines.commands.shared_options import JsonOption
from pipelines.commands.spec_command import SpecCommand
from pipelines.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipelines.api import ReportedRun
    from pipelines.jobs.label import RunSummary
    from pipelines.progress_report import OnProgress

_PANEL = "Data and results"
LABEL = SpecCommand(LabelSpec, _PANEL)
EVALUATE = SpecCommand(EvaluateSpec, _PANEL)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    SpecCommand(ShardSpec, _PANEL).add_to(app, shard)
    LABEL.add_to(app, label)
    EVALUATE.add_to(app, evaluate)
    SpecCommand(ReportSpec, _PANEL).add_to(app, report)
    SpecCommand(CompareSpec, _PANEL).add_to(app, compare)
    app.command(rich_help_panel=_PANEL)(users)


def shard(spec: ShardSpec, as_json: JsonOption = False) -> None:
    """Turn images and masks into shards.

    For example: mfp shard photos s3://bucket/photos --layout folder
    """
    from pipelines.jobs.shard import run_shard
    from pipelines.progress import shown_progress
    from pipelines.views.shard import summary_lines

    with shown_progress("shard", "samples") as on_progress:
        sharded = run_shard(spec, on_progress)
    if as_json:
        typer.echo(json.dumps(sharded.to_json(), indent=1))
    else:
        typer.echo("\n".join(summary_lines(sharded)))
    _exit(sharded.dataset.num_quarantined)


def label(spec: LabelSpec) -> None:
    """Make a mask for every object, from clicks: simulated, logged, or one in each box of a detector.

    For example: mfp label s3://bucket/photos --out s3://bucket/masks --model lite0 --workers 4
    """
    if spec.follows and spec.model.training_run is None:
        raise typer.BadParameter(
            f"--model {spec.model.name} is one model, and no newer one is ever published for it; give "
            f"{TRAINING_RUN_PREFIX} and the directory of a training run",
            param_hint="'--follow'",
        )
    from pipelines.api import label as run

    labelled = _labelled("label", spec, lambda on_progress: run(spec, on_progress))
    for note in labelled.report.notes:
        typer.echo(f"mfp: in the shards: {note}", err=True)
    _exit_after(labelled.summary)


def evaluate(spec: EvaluateSpec) -> None:
    """Count the clicks a model needs (NoC), simulated from the masks.

    For example: mfp evaluate s3://bucket/davis --out runs/davis --model lite0 --workers 2
    """
    from pipelines.api import evaluate as run

    evaluated = _labelled("evaluate", spec.labelling(), lambda on_progress: run(spec, on_progress))
    from pipelines.commands.terminal import print_result
    from pipelines.views.report import ReportView

    print_result(ReportView(evaluated.report))
    _exit_after(evaluated.summary)


def report(spec: ReportSpec, as_json: JsonOption = False) -> None:
    """Print the figures of a run, which may still be going on, or write a page of one run or several.

    For example: mfp report runs/davis --html davis.html
    """
    from infra.storage.files import Storage
    from pipelines.commands.terminal import print_result
    from pipelines.inputs.output_names import check_page_name
    from pipelines.jobs.report_files import read_reports, write_page
    from pipelines.views.report import ReportView

    if spec.html is not None:
        check_page_name(spec.html)
    storage = Storage(spec.storage)
    reported = read_reports(spec.runs, storage, spec.benchmark)
    if spec.html is not None:
        without = write_page(
            reported, spec.html, storage, strips=spec.strips, trust_model_code=spec.trust_model_code
        )
        _tell_missing(without)
    if as_json:
        documents = [figures.to_json() for _, figures in reported]
        typer.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=1))
    elif spec.html is not None:
        typer.echo(f"the page: {spec.html}")
    else:
        for _, figures in reported:
            print_result(ReportView(figures))


def compare(spec: CompareSpec, as_json: JsonOption = False) -> None:
    """Compare runs on the objects that all of them have, with bootstrap intervals.

    For example: mfp compare runs/old runs/new --fail-if-worse 0.2
    """
    from infra.storage.files import Storage
    from pipelines.first_look import look_at_runs
    from pipelines.inputs.output_names import check_page_name

    if spec.html is not None:
        check_page_name(spec.html)
    storage = Storage(spec.storage)
    look_at_runs(spec.runs, storage)
    from pipelines.commands.terminal import print_result
    from pipelines.jobs.comparison import compare_runs
    from pipelines.views.comparison import ComparisonView

    compared = compare_runs(spec.runs, storage)
    gate = None if spec.fail_if_worse == "off" else compared.gate(spec.fail_if_worse)
    if spec.html is not None:
        from pipelines.jobs.report_files import write_comparison

        without = write_comparison(
            compared,
            spec.html,
            storage,
            gate=gate,
            strips=spec.strips,
            trust_model_code=spec.trust_model_code,
        )
        _tell_missing(without)
    if as_json:
        verdict = {} if gate is None else {"gate": gate.to_json()}
        typer.echo(json.dumps(compared.to_json() | verdict, indent=1))
    elif spec.html is not None:
        typer.echo(f"the page: {spec.html}")
    else:
        print_result(ComparisonView(compared))
    if gate is not None:
        for judgement in gate.judgements:
            typer.echo(f"mfp: {judgement}", err=True)
        if not gate.passes:
            raise typer.Exit(ExitCode.NOT_PASSED)


def _tell_missing(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(f"mfp: {line}", err=True)


def users(as_json: JsonOption = False) -> None:
    """List the simulated users, for `--clicks simulated:USER?OPTION=VALUE`."""
    from pipelines.commands.terminal import print_result
    from pipelines.jobs.user_list import list_users, render_users

    listed = list_users()
    if as_json:
        typer.echo(json.dumps([user.to_json() for user in listed], indent=1))
    else:
        print_result(render_users(listed))


def _labelled(command: str, spec: LabelSpec, run: Callable[[OnProgress], ReportedRun]) -> ReportedRun:
    from pipelines.first_look import look_at_labelling

    look_at_labelling(spec)
    from pipelines.progress import shown_progress

    with shown_progress(command, "objects") as on_progress:
        labelled = run(on_progress)
    _tell(labelled.summary, spec)
    return labelled


def _tell(summary: RunSummary, spec: LabelSpec) -> None:
    """Say what a run did, and what a person may want to do about it."""
    from infra.runs.commit import NONE_UNCLICKED
    from pipelines.progress import duration

    others = [f"{summary.skipped_shards:,} of them done before"] if summary.skipped_shards else []
    if summary.lost_shards:
        others.append(f"{summary.lost_shards:,} by another run meanwhile")
    if summary.left:
        others.append(f"{summary.left:,} not needed")
    before = f" ({', '.join(others)})" if others else ""
    without = f", {len(summary.set_aside):,} of them set aside" if summary.set_aside else ""
    typer.echo(
        f"{summary.objects:,} objects, {summary.clicks:,} clicks, {summary.errors:,} quarantined in "
        f"{summary.shards:,} shards{without}{before}, {duration(summary.seconds)}: {spec.out}"
    )
    if summary.unclicked != NONE_UNCLICKED:
        typer.echo(
            f"mfp: not in the click log or start: {summary.unclicked}: they were not labelled", err=True
        )
    if summary.unknown_samples:
        typer.echo(
            f"mfp: {len(summary.unknown_samples):,} samples of the click log or start have no object that was made "
            f"(the first: {summary.unknown_samples[0]!r}): they were not used",
            err=True,
        )
    if summary.fitting_batch_size is not None:
        typer.echo(
            f"mfp: the GPU's memory was too small for batches of {spec.network.batch_size}: give --batch-size "
            f"{summary.fitting_batch_size} the next time",
            err=True,
        )
    for shard in summary.set_aside:
        typer.echo(f"mfp: {shard}", err=True)
    if summary.set_aside:
        typer.echo("mfp: the same command tries them again", err=True)


def _exit_after(summary: RunSummary) -> None:
    _exit(summary.errors + len(summary.unknown_samples) + len(summary.set_aside))


def _exit(num_quarantined: int | None) -> None:
    if num_quarantined:
        raise typer.Exit(ExitCode.QUARANTINED)

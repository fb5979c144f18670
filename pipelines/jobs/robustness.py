"""Evaluations with drawn clicks beside an evaluation: each draw is a run of its own in the directory of that one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from actors.ray_session import ray_session
from actors.specs.clicks import SIMULATED
from actors.specs.evaluate import EvaluateSpec, Robustness
from actors.specs.label import LabelSpec
from actors.specs.places import absolute
from actors.stop_request import closed_in_order
from infra.storage.files import Storage
from pipelines.errors import IncompleteRunError
from pipelines.inputs.backend_choice import recorded_backend
from pipelines.jobs import label
from pipelines.jobs.drawn_figures import draw_url
from pipelines.jobs.until_decided import UntilDecided
from pipelines.progress_report import OnProgress, ProgressReport


def run_evaluation(spec: EvaluateSpec, on_progress: OnProgress) -> label.RunSummary:
    """Evaluate all shards or until it is decided, and then once more for each draw if that is asked for.

    What is there already is not done again.

    Raises:
        IncompleteRunError: shards of a draw were set aside, so that its figures would be of other objects.
        PipelineError, ActorsError, InfraError, MfpError: as `run_label`.
    """
    if spec.decision.until_decided is not None:
        base = absolute(spec.decision.until_decided)
        plan = UntilDecided(base, spec.decision.margin, Storage(spec.storage))
        return label.run_label(spec.labelling(), on_progress, plan)
    if not spec.robustness.robustness:
        return label.run_label(spec.labelling(), on_progress)
    # one Ray for all of them; each has workers of its own
    with closed_in_order(), ray_session(spec.workers.ray_address):
        told = _ToldOnce(on_progress)
        summary = label.run_label(spec.labelling(), told)
        backend = recorded_backend(absolute(spec.out), Storage(spec.storage))
        # draws differ from the evaluation in their clicks alone
        alike = replace(spec, network=replace(spec.network, backend=backend or spec.network.backend))
        for draw, of_draw in enumerate(_draws(alike)):
            _run_draw(of_draw, f"draw {draw + 1} of {spec.robustness.draws}", told)
    return summary


class _ToldOnce:
    """Passes reports on; a notice that was told before is left out, since draws have the same ones."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._told: set[str] = set()

    def __call__(self, report: ProgressReport) -> None:
        notice = "" if report.notice in self._told else report.notice
        self._told.add(report.notice)
        self._on_progress(replace(report, notice=notice))


def _draws(spec: EvaluateSpec) -> Iterator[LabelSpec]:
    user = f"{SIMULATED}:{spec.robustness.realistic_user}"
    for draw in range(spec.robustness.draws):
        one = replace(
            spec,
            out=draw_url(spec.out, draw),
            seed=spec.seed + draw,
            clicks=replace(spec.clicks, source=user),
            robustness=Robustness(),
        )
        yield one.labelling()


def _run_draw(spec: LabelSpec, stage: str, on_progress: OnProgress) -> None:
    def in_stage(report: ProgressReport) -> None:
        note = f"{stage}, {report.note}" if report.note else stage
        on_progress(replace(report, stage=stage, note=note))

    summary = label.run_label(spec, in_stage)
    if summary.set_aside:
        raise IncompleteRunError(
            f"{stage}: {len(summary.set_aside)} of {summary.shards} shards could not be evaluated "
            f"({summary.set_aside[0]}): mend the cause and run the same command again"
        )

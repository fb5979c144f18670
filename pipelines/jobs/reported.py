"""A labelling run together with its figures, which it leaves in its directory."""

from __future__ import annotations

from dataclasses import dataclass

from actors.specs.label import EvaluateSpec, LabelSpec
from infra.storage.files import Storage
from pipelines.jobs import label as label_job
from pipelines.jobs import report as report_job
from pipelines.jobs import report_files
from pipelines.progress import OnProgress


@dataclass(frozen=True)
class ReportedRun:
    """What a run did, and the figures of its directory."""

    summary: label_job.RunSummary
    report: report_job.Report


def label(spec: LabelSpec, on_progress: OnProgress | None = None) -> ReportedRun:
    """Label a data set and write `report/`: see `run_label`.

    Raises:
        PipelineError, ActorsError, InfraError, MfpError: one line that says what a person can do.

    """
    summary = label_job.run_label(spec, on_progress)
    storage = Storage(spec.storage)
    report = report_job.build_report(spec.out, storage)
    report_files.write_report(report, storage)
    return ReportedRun(summary, report)


def evaluate(spec: EvaluateSpec, on_progress: OnProgress | None = None) -> ReportedRun:
    """Count the clicks that a model needs: `label` with the clicks of the evaluation protocol."""
    return label(spec.labelling(), on_progress)

"""Fixtures of the tests of commands."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import pipelines.first_look
import pipelines.jobs.flywheel.flywheel
import pipelines.jobs.label
import pipelines.jobs.report_files
import pipelines.jobs.shard
import pipelines.jobs.train
import pipelines.views.report
from actors.specs.label import LabelSpec
from pipelines.jobs.label import RunSummary
from pipelines.progress_report import OnProgress, ProgressReport
from tests.pipelines.commands.replaced_jobs import summary


@pytest.fixture
def not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of data and models that are not there reach the job."""
    for job in ("labelling", "training", "flywheel"):
        monkeypatch.setattr(pipelines.first_look, f"look_at_{job}", lambda options: None)


@pytest.fixture
def labelled(not_looked_at: None, monkeypatch: pytest.MonkeyPatch) -> list[LabelSpec]:
    """Options that reached the labelling job, which does nothing but report a summary."""
    seen: list[LabelSpec] = []

    def run_label(options: LabelSpec, on_progress: OnProgress) -> RunSummary:
        seen.append(options)
        on_progress(ProgressReport(0, 1204, quarantined=0))
        return summary()

    monkeypatch.setattr(pipelines.jobs.label, "run_label", run_label)
    report = SimpleNamespace(notes=(), to_json=lambda: {"objects": 1204})
    monkeypatch.setattr(
        pipelines.jobs.report_files,
        "read_reports",
        lambda runs, storage, benchmark: [(run, report) for run in runs],
    )
    monkeypatch.setattr(pipelines.views.report, "ReportView", lambda report: "the table")
    monkeypatch.setattr(pipelines.jobs.report_files, "write_report", lambda run, storage: report)
    return seen

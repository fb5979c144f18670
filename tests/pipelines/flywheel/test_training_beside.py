"""What a training beside other work says is told, all of it, whoever waits for it."""

from __future__ import annotations

import pytest

from actors.specs.train import TrainSpec
from pipelines.jobs.flywheel import training_beside
from pipelines.jobs.flywheel.training_beside import TrainingBeside
from pipelines.jobs.train import TrainingRun
from pipelines.progress_report import OnProgress, ProgressReport
from tests.specs import train_spec

NOTICES = ["the loader has skipped a shard", "a worker was lost", "it is done again"]
OPTIONS = train_spec(datasets=("data",), out="run")


@pytest.mark.parametrize("fails", [False, True])
def test_every_notice_is_told_once_and_in_order(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    result = TrainingRun("models/3", 3)

    def training(options: TrainSpec, on_progress: OnProgress) -> TrainingRun:
        for step, notice in enumerate(NOTICES):
            on_progress(ProgressReport(step, 3, notice=notice))
            on_progress(ProgressReport(step + 1, 3))
        if fails:
            raise RuntimeError("out of shards")
        return result

    monkeypatch.setattr(training_beside, "run_train", training)
    beside = TrainingBeside(OPTIONS)
    beside.start()
    told: list[ProgressReport] = []
    if fails:
        with pytest.raises(RuntimeError, match="out of shards"):
            beside.wait(told.append)
    else:
        assert beside.wait(told.append) == result
    assert [report.notice for report in told if report.notice] == NOTICES
    assert (told[-1].done, told[-1].total) == (3, 3)

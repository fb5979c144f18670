"""How far a flywheel is, read from its directory: true also when its driver is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from infra.runs.run_config import RUN_FILE, TRAINING_FILE
from infra.storage.files import Storage, join
from infra.storage.options import StorageOptions
from infra.training_progress import read_progress
from pipelines.inputs.run_record import FlywheelRecord, read_record
from pipelines.jobs.flywheel.directory import FlywheelDirectory
from pipelines.jobs.submit import run_progress


@dataclass(frozen=True)
class _Stage:
    """A step of the wheel, and the runs that go on in it."""

    name: str
    labelling: str | None = None
    training: str | None = None


def flywheel_progress(url: str, options: StorageOptions) -> str:
    """One line: the stage that was begun last, and how far labelling and training are in it.

    Raises:
        RunDirectoryError: there is no flywheel, or not yet.
    """
    storage = Storage(options)
    num_rounds = read_record(FlywheelRecord, url, storage).spec.rounds
    for stage in reversed(_stages(FlywheelDirectory(url), num_rounds)):
        if said := list(_runs(stage, storage)):
            return f"{stage.name}: {'; '.join(said)}"
    return "nothing begun yet"


def _stages(directory: FlywheelDirectory, num_rounds: int) -> list[_Stage]:
    return [
        _Stage("evaluation before", labelling=directory.evaluation("before")),
        *(
            _Stage(
                f"round {number} of {num_rounds}",
                labelling=directory.labels(number),
                training=directory.training(number),
            )
            for number in range(1, num_rounds + 1)
        ),
        _Stage("closing", training=directory.closing),
        _Stage("evaluation after", labelling=directory.evaluation("after")),
    ]


def _runs(stage: _Stage, storage: Storage) -> Iterator[str]:
    """What can be said of the stage's runs; nothing before one of them has begun."""
    if stage.labelling is not None and storage.exists(join(stage.labelling, RUN_FILE)):
        yield str(run_progress(stage.labelling, storage.options))
    if stage.training is not None and storage.exists(join(stage.training, TRAINING_FILE)):
        yield f"training: {read_progress(stage.training, storage) or 'starts'}"

"""What is committed of a run that clicks, read once: reports and their pages are made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard, committed_and_set_aside
from infra.storage.files import Storage
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.click_protocol import ClickProtocol
from pipelines.jobs.run_objects import RunObjects


@dataclass(frozen=True)
class ClickedRun:
    """A run at one moment.

    Attributes:
        run, record: the run, and what its directory says of it.
        protocol: how it was clicked.
        commits: records of the committed shards.
        set_aside: shards that could not be done.
        objects: objects and clicks of the committed shards.
    """

    run: RunDirectory
    record: LabelRecord
    protocol: ClickProtocol
    commits: Sequence[CommitRecord]
    set_aside: tuple[SetAsideShard, ...]
    objects: RunObjects

    @classmethod
    def read(cls, url: str, storage: Storage) -> ClickedRun:
        """Read the run at `url`.

        Raises:
            RunDirectoryError: there is no run, it is none that clicks, or a part is not the one that was committed.
            MetricsError: an object's clicks do not fit its mask.
            StorageError: something cannot be read.

        """
        run = RunDirectory(url, storage)
        record = read_record(LabelRecord, url, storage)
        committed, set_aside = committed_and_set_aside(run)
        commits = list(committed.values())
        return cls(run, record, ClickProtocol.of(run), commits, set_aside, RunObjects.read(run, commits))

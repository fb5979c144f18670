"""Which shards a run does, in which order, and when they are enough."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard
from infra.shards.manifest import ShardEntry
from pipelines.inputs.run_record import LabelRecord


class ShardPlan(Protocol):
    """Asked by a labelling run before it begins, and whenever shards are committed or set aside."""

    def ordered(self, record: LabelRecord, shards: tuple[ShardEntry, ...]) -> tuple[ShardEntry, ...]:
        """The shards of the run that `record` describes, in the order in which they are handed out.

        Raises:
            PipelineError, InfraError, MfpError: the plan does not fit this run. Nothing is written yet.
        """

    def goes_on(
        self, run: RunDirectory, committed: Collection[CommitRecord], set_aside: Collection[SetAsideShard]
    ) -> bool:
        """Whether more shards are needed, after these are committed and set aside too.

        The first call has those that the run directory holds. Shards come in any order, each once. PipelineError,
        InfraError, MfpError: what is committed cannot be read.
        """

    def ended(self, run: RunDirectory, committed: Collection[str]) -> None:
        """Take note of the end of a run that has these shards. StorageError if that is not possible."""


class _EveryShard:
    def ordered(self, record: LabelRecord, shards: tuple[ShardEntry, ...]) -> tuple[ShardEntry, ...]:
        return shards

    def goes_on(
        self, run: RunDirectory, committed: Collection[CommitRecord], set_aside: Collection[SetAsideShard]
    ) -> bool:
        return True

    def ended(self, run: RunDirectory, committed: Collection[str]) -> None:
        pass  # there is nothing to say of it


EVERY_SHARD: Final[ShardPlan] = _EveryShard()
"""All of them, in the order of the data set."""

"""An attempt at a shard on its way through the threads of a shard labeller."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from actors.labelling.gathered_rows import GatheredRows
from actors.labelling.hand_out import Assignment
from actors.labelling.shard_clock import ShardClock
from mfp.engine import Engine


class ShardTask:
    """What is asked for, what has come of it, and whether it is over.

    Attributes:
        assignment, engine: the shard, and what clicks it.
        clock: where its time goes.
        gathered: its rows so far.
        completed: done when the last row is there, or with the error that kept it from that.
    """

    def __init__(self, assignment: Assignment, engine: Engine) -> None:
        """StorageError if the local disk does not take rows."""
        self.assignment = assignment
        self.engine = engine
        self.clock = ShardClock()
        self.gathered = GatheredRows(assignment, engine.identity, self.clock)
        self.completed: Future[None] = Future()

    @property
    def is_over(self) -> bool:
        """It is complete, or has failed."""
        return self.completed.done()

    def fail(self, error: BaseException) -> None:
        """End it with this error, unless it is over."""
        if not self.is_over:
            self.completed.set_exception(error)

    @contextmanager
    def failing_alone(self) -> Iterator[None]:
        """Whatever goes wrong inside is this shard's trouble: the engine and the other shards go on."""
        try:
            yield
        except Exception as error:
            self.fail(error)

    def complete_if_nothing_is_open(self) -> None:
        """End it if no row is still to come."""
        if self.gathered.is_complete and not self.is_over:
            self.completed.set_result(None)

"""Labels shards: reads and decodes ahead, keeps one engine full across shard borders, writes behind.

Three kinds of threads share the work. The reader takes the shards in the order they were asked for and decodes
their samples into a queue that is bounded by pixels. The engine thread turns samples into sessions and sessions into
rows; when a shard has none left, the next one's are already in the batch. Whoever called `label` waits, and commits
the shard's rows when they are complete, while both other threads go on. Where the storage needs it, the last step of
the commit is the driver's (`infra.runs.commit_guard`).

If objects of an image take notice of each other, each waits until the one before has ended (`turns`). Other images
fill the batch.

A shard is clicked by one model from its first session to its last. Where the next shard is to have another model, it
waits at the border: its sessions begin when the last one of the shards before has ended.

No Ray here: a shard labeller works on whatever files and network it is given.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from actors.click_models.foreign_errors import one_line, text_in_one_line
from actors.labelling.gathered_rows import LabelCounts
from actors.labelling.hand_out import Assignment
from actors.labelling.kept_rows import KeptRows, RowsById
from actors.labelling.object_sessions import DecodedSample, ObjectKey, ObjectSessions
from actors.labelling.pixel_queue import PixelQueue
from actors.labelling.shard_task import ShardTask
from actors.labelling.turns import Turns
from infra.errors import Reason, SampleError
from infra.runs.commit import CommitOutcome, CommitRecord, Unclicked
from infra.runs.run_directory import RunDirectory
from infra.shards.content_digest import ContentDigest
from infra.shards.manifest import ShardEntry
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote
from mfp.engine import Engine
from mfp.errors import ImageSizeError
from mfp.session import FinishedSession, Session

MAX_PIXELS_AHEAD = 2**26  # 200 MB of decoded images wait for the engine at most

ReadShard: TypeAlias = Callable[[ShardEntry], Iterator[ShardItem | ShardNote]]


@dataclass(frozen=True)
class ShardSummary:
    """What a finished attempt did. `outcome` LOST: another attempt was first. PENDING: `record` is the driver's to put.

    `seconds` is wall time from the start of reading to the last session's end; shards overlap, so the sum over
    shards is more than the time that passed. `batch_size` is that of the engine at the end: smaller than asked for
    where the GPU's memory was too small.
    """

    shard: str
    attempt: str
    record: CommitRecord
    outcome: CommitOutcome
    counts: LabelCounts
    seconds: float
    batch_size: int


@dataclass(frozen=True)
class _EndOfShard:
    """The reader is through with a shard; `error` says why it could not read on."""

    error: BaseException | None = None


_Item: TypeAlias = tuple[ShardTask, DecodedSample | QuarantinedSample | Unclicked | _EndOfShard]


class ShardLabeller:
    """One engine at a time and the shards that pass through it; `label` may be called from several threads at once."""

    def __init__(
        self,
        objects: ObjectSessions,
        read_shard: ReadShard,
        run: RunDirectory,
        max_pixels_ahead: int = MAX_PIXELS_AHEAD,
        *,
        driver_commits: bool = False,
        kept: KeptRows | None = None,
    ) -> None:
        """`kept`: rows of another run that are taken over instead of being made; None: there are none."""
        self._driver_commits = driver_commits
        self._kept = kept
        self._objects = objects
        self._read_shard = read_shard
        self._run = run
        self._to_read: queue.SimpleQueue[ShardTask | None] = queue.SimpleQueue()
        self._decoded: PixelQueue[_Item] = PixelQueue(max_pixels_ahead)
        self._at_border: _Item | None = None  # the first of a shard whose model is another
        self._engine: Engine | None = None  # at work, or the last one that was
        self._turns = Turns(objects, self._rows_kept)
        self._tasks: dict[str, ShardTask] = {}  # by attempt
        self._lock = threading.Lock()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._read, name="decode-ahead", daemon=True),
            threading.Thread(target=self._run_engine, name="engine", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def label(self, assignment: Assignment, engine: Engine) -> ShardSummary:
        """Click every object of a shard and commit its rows, or leave that to the driver; they are durable on return.

        Raises what kept the shard from being read, labelled or written; the shards beside it go on if they can.
        RuntimeError after `close`.
        """
        with self._lock:
            if self._is_closed:
                raise _closed()
            task = ShardTask(assignment, engine)
            assert assignment.attempt not in self._tasks, "every hand-out has an attempt id of its own"
            self._tasks[assignment.attempt] = task
        try:
            self._to_read.put(task)
            task.completed.result()
            seconds = task.clock.seconds
            record = self._run.write_parts(
                assignment.shard.name,
                assignment.attempt,
                task.gathered.rows,
                seconds=seconds,
                spent=task.clock.spent(),
                model_id=task.engine.identity,
                unclicked=task.gathered.counts.unclicked,
                notes=task.gathered.notes.counts(),
                content=task.gathered.content,
            )
            outcome = CommitOutcome.PENDING if self._driver_commits else self._run.put(record)
        finally:
            with self._lock:
                del self._tasks[assignment.attempt]
            task.gathered.rows.close()
        return ShardSummary(
            assignment.shard.name,
            assignment.attempt,
            record,
            outcome,
            task.gathered.counts,
            seconds,
            task.engine.batch_size,
        )

    def counts(self) -> dict[str, LabelCounts]:
        """How far the attempts under way are, by attempt id."""
        with self._lock:
            return {attempt: task.gathered.counts for attempt, task in self._tasks.items()}

    def close(self) -> None:
        """End both threads, and drop what they are at; calls of `label` that still wait raise, and so do later ones."""
        with self._lock:
            self._is_closed = True
        self._to_read.put(None)
        self._decoded.close()
        if self._engine is not None:
            self._engine.abandon()
        for thread in self._threads:
            thread.join()
        self._fail_all(_closed())

    def _read(self) -> None:
        """The reader's thread."""
        while (task := self._to_read.get()) is not None:
            try:
                task.clock.begin()
                for item in task.clock.reading.over(self._objects.to_click(self._counted(task))):
                    if task.is_over or self._decoded.is_closed:
                        break
                    if isinstance(item, ShardNote):
                        task.gathered.notes.add(item)
                    elif isinstance(item, Sample):
                        self._put_decoded(task, item)
                    else:
                        self._decoded.put((task, item), num_pixels=0)
                end = _EndOfShard()
            except BaseException as error:  # whatever it is, the caller of `label` has to hear of it
                end = _EndOfShard(_for_the_caller(error))
            self._decoded.put((task, end), num_pixels=0)

    def _counted(self, task: ShardTask) -> Iterator[ShardItem | ShardNote]:
        """What the shard holds; its content is summed up before anything is left out."""
        for item in self._read_shard(task.assignment.shard):
            if not isinstance(item, ShardNote):
                task.gathered.content += ContentDigest.of(item)
            yield item

    def _put_decoded(self, task: ShardTask, sample: Sample) -> None:
        try:
            with task.clock.decoding.running():
                decoded = self._objects.decode(sample)
        except SampleError as error:
            self._decoded.put((task, QuarantinedSample(sample.key, error.reason, error.detail)), num_pixels=0)
            return
        self._decoded.put((task, decoded), num_pixels=decoded.size.num_pixels)

    def _run_engine(self) -> None:
        """The engine's thread. An error in the engine fails the shards it held; later ones start afresh."""
        while (first := self._next(wait=True)) is not None:
            self._at_border = first
            engine = first[0].engine
            self._engine = engine
            self._turns.clear()
            try:
                for finished in engine.run(self._sessions(engine), self._refuse):
                    self._take(finished)
            except BaseException as error:  # as in `_read`
                self._fail_all(_for_the_caller(error))

    def _next(self, *, wait: bool) -> _Item | None:
        """What waits at the border or else in the queue; None if there is nothing, or the queue was closed."""
        item, self._at_border = self._at_border, None
        if self._decoded.is_closed:
            return None
        if item is not None:
            return item
        began = time.perf_counter()
        item = self._decoded.get(wait=wait)
        if wait and item is not None:
            item[0].clock.waited_since(began)
        return item

    def _sessions(self, engine: Engine) -> Iterator[Session | None]:
        """Sessions as they come; None while there is none but others are in flight. Ends at another model's shard."""
        while not self._decoded.is_closed:
            if self._turns.has_ready:
                yield from self._turns.go_on()
                continue
            item = self._next(wait=engine.num_in_flight == 0)
            if item is None:
                yield None
                continue
            task, content = item
            if task.is_over:
                continue
            if task.engine.identity != engine.identity:
                self._at_border = item
                if not self._turns.has_in_flight:
                    return
                yield None  # images under way have objects that are to begin before
                continue
            if isinstance(content, DecodedSample):
                yield from self._open_sessions(task, content)
            elif isinstance(content, QuarantinedSample):
                with task.failing_alone():
                    error = SampleError(content.reason, content.detail)
                    task.gathered.quarantine(content.key, content.object_id, error)
            elif isinstance(content, Unclicked):
                task.gathered.leave_out(content)
            elif content.error is not None:
                task.fail(content.error)
            else:
                task.gathered.end_reading()
                task.complete_if_nothing_is_open()

    def _open_sessions(self, task: ShardTask, decoded: DecodedSample) -> Iterator[Session]:
        if self._objects.overlap != "allow":
            yield from self._turns.begin(task, decoded)
            return
        kept = self._rows_kept(task, decoded)
        for opened in task.clock.opening.over(self._objects.open(task.assignment.attempt, decoded, kept)):
            if isinstance(opened, ObjectKey):
                task.gathered.keep(opened, kept[opened.object_id])
            elif isinstance(opened, Session):
                assert isinstance(opened.key, ObjectKey), "every session was opened here"
                task.gathered.open_session(opened.key)
                yield opened
            else:
                object_id, error = opened
                with task.failing_alone():
                    task.gathered.quarantine(decoded.sample.key, object_id, error)

    def _rows_kept(self, task: ShardTask, decoded: DecodedSample) -> RowsById:
        """The rows of a sample's objects that are taken over."""
        return {} if self._kept is None else self._kept.of(task.assignment.shard.name, decoded.sample.key)

    def _take(self, finished: FinishedSession) -> None:
        key, task = self._opened_by(finished.key)
        turn = self._turns.end(key)
        if task is not None:
            with task.failing_alone():
                if turn is None:
                    task.gathered.end_session(key, finished)
                else:
                    turn.take(finished)
            task.complete_if_nothing_is_open()

    def _refuse(self, session: Session, error: ImageSizeError) -> None:
        """Quarantine the object of a session whose image the model does not take."""
        key, task = self._opened_by(session.key)
        self._turns.end(key)
        if task is not None:
            with task.failing_alone():
                task.gathered.refuse_session(
                    key, SampleError(Reason.REFUSED_BY_MODEL, text_in_one_line(error))
                )
            task.complete_if_nothing_is_open()

    def _opened_by(self, key: object) -> tuple[ObjectKey, ShardTask | None]:
        """The key of a session and the task of its shard. The task is None if the shard has failed."""
        assert isinstance(key, ObjectKey), "every session was opened here"
        with self._lock:
            task = self._tasks.get(key.attempt)
        return key, None if task is None or task.is_over else task

    def _fail_all(self, error: BaseException) -> None:
        with self._lock:
            tasks = list(self._tasks.values())
        for task in tasks:
            task.fail(error)


def _for_the_caller(error: BaseException) -> Exception:
    """The error; one that would end the caller's process too, as a model's `sys.exit` would, is told instead."""
    return error if isinstance(error, Exception) else RuntimeError(one_line(error))


def _closed() -> RuntimeError:
    return RuntimeError("the shard labeller was closed")

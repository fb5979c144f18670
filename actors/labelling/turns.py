"""Images whose objects take notice of each other: each object is clicked when the one before has ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from actors.labelling.kept_rows import ObjectRows, RowsById
from actors.labelling.object_sessions import DecodedSample, ObjectKey, ObjectSessions, PlannedObject
from actors.labelling.shard_task import ShardTask
from infra.errors import SampleError
from infra.reduced_rle import decode_reduced
from mfp.session import FinishedSession, Mask, Session


def _nothing_kept(task: ShardTask, decoded: DecodedSample) -> RowsById:
    return {}


@dataclass(eq=False)
class ImageInTurn:
    """An image whose objects are clicked one after the other.

    Attributes:
        task: the attempt that it belongs to.
        decoded: the image.
        waiting: objects that have no session yet, finished masks first.
        taken: (h, w) bool, the working pixels of the objects that have ended.
        finished: their masks at the size of the image, COCO's compressed counts.
    """

    task: ShardTask
    decoded: DecodedSample
    waiting: deque[PlannedObject]
    taken: Mask
    finished: list[bytes] = field(default_factory=list)

    def keep(self, key: ObjectKey, rows: ObjectRows) -> None:
        """Take over the rows of an object, and its pixels."""
        mask, size = rows.mask, key.size
        self.taken |= decode_reduced(mask.rle, size.height, size.width, size.reduction)
        self.finished.append(mask.rle)
        self.task.gathered.keep(key, rows)


@dataclass(frozen=True, eq=False)
class Turn:
    """An object that has its session, and its image."""

    image: ImageInTurn
    planned: PlannedObject

    def take(self, finished: FinishedSession) -> None:
        """Add the rows of the object's session to those of its shard, and its pixels to those that are taken."""
        image = self.image
        image.taken |= finished.mask
        # a mask that nobody has clicked on stays as it is
        others = () if self.planned.is_finished else tuple(image.finished)
        image.finished.append(image.task.gathered.end_session(self.planned.key, finished, others))


class Turns:
    """Whose turn it is in every image. For the engine's thread alone."""

    def __init__(
        self, objects: ObjectSessions, kept: Callable[[ShardTask, DecodedSample], RowsById] = _nothing_kept
    ) -> None:
        """`kept` says which rows of a sample's objects are taken over from another run."""
        self._objects = objects
        self._kept = kept
        self._in_flight: dict[ObjectKey, Turn] = {}
        self._ready: deque[ImageInTurn] = deque()  # the next object of each may begin

    @property
    def has_ready(self) -> bool:
        """The next object of an image may begin."""
        return bool(self._ready)

    @property
    def has_in_flight(self) -> bool:
        """An object of an image has a session that has not ended."""
        return bool(self._in_flight)

    def clear(self) -> None:
        """Forget every image."""
        self._in_flight.clear()
        self._ready.clear()

    def begin(self, task: ShardTask, decoded: DecodedSample) -> Iterator[Session]:
        """Begin with an image: the session of its first object that can be clicked."""
        with task.clock.opening.running():
            objects = self._objects.plan(task.assignment.attempt, decoded)
        kept = self._kept(task, decoded)
        image = ImageInTurn(task, decoded, deque(), np.zeros(decoded.image.shape[:2], np.bool_))
        for planned in objects:
            if planned.key.object_id in kept:
                image.keep(planned.key, kept[planned.key.object_id])
            else:
                task.gathered.open_session(planned.key)
                image.waiting.append(planned)
        # those that stay as they are come first, so that they are background for all others
        image.waiting = deque(sorted(image.waiting, key=lambda planned: not planned.is_finished))
        yield from self._open_next(image)

    def go_on(self) -> Iterator[Session]:
        """Go on with an image that is ready: the session of its next object that can be clicked."""
        yield from self._open_next(self._ready.popleft())

    def end(self, key: ObjectKey) -> Turn | None:
        """End the turn of an object whose session is over, and return it; None if the object was not in turn.

        The next one begins when `go_on` is called: the turn's mask has to be taken before.
        """
        turn = self._in_flight.pop(key, None)
        if turn is not None:
            self._ready.append(turn.image)
        return turn

    def _open_next(self, image: ImageInTurn) -> Iterator[Session]:
        task = image.task
        while image.waiting and not task.is_over:
            planned = image.waiting.popleft()
            try:
                with task.clock.opening.running():
                    excluded = None if planned.is_finished else image.taken.copy()
                    session = self._objects.session(image.decoded, planned, excluded)
            except SampleError as error:
                with task.failing_alone():
                    task.gathered.refuse_session(planned.key, error)
                continue
            self._in_flight[planned.key] = Turn(image, planned)
            yield session
            return
        task.complete_if_nothing_is_open()

"""The engine: many sessions in flight over one click model."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from mfp.click_model import ClickModel, CropModel, SessionModel
from mfp.crop_runner import CropRunner
from mfp.engine_settings import EngineSettings
from mfp.errors import ClickModelError, ImageSizeError
from mfp.runner import Request, Runner
from mfp.scheduler import Batch, BatchOutcome, Scheduler
from mfp.session import FinishedSession, Look, Session
from mfp.session_runner import SessionRunner
from mfp.session_state import SessionState
from mfp.start import FromMask

logger = logging.getLogger(__name__)

OnRefused: TypeAlias = Callable[[Session, ImageSizeError], None]


@dataclass
class _Running:
    state: SessionState
    opened: Any  # what the runner gave for it
    unbilled_seconds: float  # spent on the session before its first step


def runner_of(model: ClickModel, settings: EngineSettings, device: str) -> Runner[Any, Any]:
    """What runs a model of either kind on a torch device.

    Raises:
        ClickModelError: the object is no click model.
        BackendError: the backend is not here, or cannot run the model on that device.
    """
    if isinstance(model, CropModel):
        return CropRunner(model, settings, device)
    if isinstance(model, SessionModel):
        return SessionRunner(model, settings, device)
    raise ClickModelError(
        f"{type(model).__name__} is no click model: it must have all members of CropModel or of SessionModel "
        "(mfp/click_model.py)"
    )


def raise_refusal(session: Session, error: ImageSizeError) -> None:
    """An image that the model does not take ends the run."""
    raise error


class Engine:
    """Runs sessions over one click model by continuous batching. One run at a time.

    A batch of crops that does not fit the GPU's memory is halved and run again; the smaller size is kept, as results
    do not depend on it. Main memory is not so handled: there a network takes one session at a time anyway.
    """

    def __init__(
        self, model: ClickModel, settings: EngineSettings, device: str = "cpu", identity: str = ""
    ) -> None:
        """The model is put on the torch device (`cpu`, `cuda`, `cuda:1`) in its form for inference.

        `identity` is what rows call it, if that is not what the model says of itself. The backend `auto` is torch here:
        what is fastest on a machine is measured once, by whoever starts a run.

        Raises:
            ClickModelError: the object is no click model.
            BackendError: the backend is not here, or cannot run the model on that device.
        """
        self._runner = runner_of(model, settings, device)
        self.identity = identity or self._runner.traits.identity
        self._places = self._runner.places
        self._scheduler = self._new_scheduler()
        self._running: dict[int, _Running] = {}
        self._num_pixels = 0  # of the images of all running sessions
        self._is_abandoned = False

    @property
    def batch_size(self) -> int:
        """That of the settings, or less if the GPU's memory turned out to be too small."""
        return self._places.batch_size

    @property
    def num_in_flight(self) -> int:
        """Sessions that were begun and have not ended."""
        return self._scheduler.num_in_flight

    def run(
        self,
        sessions: Iterable[Session | None],
        on_refused: OnRefused = raise_refusal,
    ) -> Iterator[FinishedSession]:
        """Run every session to its end and yield each one as soon as it has ended.

        Args:
            sessions: pulled from only when a place is free; one whose image is too large to go beside those in flight
                waits for them. May be endless, may block. None stands for "none
                ready now": the engine goes on with those in flight and asks again after the next step. A
                source that blocks only while `num_in_flight` is 0 never keeps a batch waiting.
            on_refused: called with a session whose image the model does not take; the run goes on without it. Unless it
                is given, the error ends the run.

        Yields:
            The outcomes in the order in which the sessions end. A result depends on its session alone.

        Raises:
            torch.OutOfMemoryError: the GPU's memory does not hold even one session.
            ImageSizeError: the model does not take an image, and `on_refused` is not given.

        """
        self._scheduler = self._new_scheduler()
        self._running = {}
        self._num_pixels = 0
        self._is_abandoned = False
        source = iter(sessions)
        is_open = True
        too_large: Session | None = None  # waits until it fits
        while is_open or too_large is not None or self._scheduler.num_in_flight:
            while self._scheduler.num_free_places and (is_open or too_large is not None):
                session, too_large = too_large, None
                if session is None:
                    try:
                        session = next(source)
                    except StopIteration:
                        is_open = False
                        break
                if session is None:
                    break
                if not self._has_room_for(session):
                    too_large = session
                    break
                if (finished := self._admit(session, on_refused)) is not None:
                    yield finished
            if (batch := self._scheduler.schedule()) is not None:
                yield from self._step(batch)
            if self._is_abandoned:
                return

    def abandon(self) -> None:
        """Have the run under way end after its present pass, without its sessions; for another thread than its own."""
        self._is_abandoned = True

    def looks(self, session: Session) -> Iterator[Look]:
        """Run one session alone and yield what it looks like each time its mask was looked at.

        The masks are those of `run`, if batches do not change the last bit of an answer.

        Raises:
            ImageSizeError: the model does not take the image.
        """
        state = SessionState(session, self._runner.zoom)
        if state.stop_reason is not None:
            return
        opened = self._runner.open(session.image, session.known)
        while state.stop_reason is None:
            request = _request(_Running(state, opened, 0.0))
            (masks,) = self._runner.predict([request], self._runner.batch_key(state.region))
            state.take(masks)
            yield state.look(self._runner.probabilities(opened))

    def _admit(self, session: Session, on_refused: OnRefused) -> FinishedSession | None:
        """Start a session, unless the model refuses its image; its outcome if there is nothing to click."""
        started = time.perf_counter()
        state = SessionState(session, self._runner.zoom)
        if state.stop_reason is not None:
            return state.finish(_first_map(session), self._runner.traits.threshold)
        try:
            opened = self._runner.open(session.image, session.known)
        except ImageSizeError as error:
            on_refused(session, error)
            return None
        self._num_pixels += _num_pixels(session)
        ticket = self._scheduler.admit(self._runner.batch_key(state.region))
        self._running[ticket] = _Running(state, opened, time.perf_counter() - started)
        return None

    def _step(self, batch: Batch) -> list[FinishedSession]:
        """One pass over a batch and all that follows from it; returns the sessions that ended."""
        started = time.perf_counter()
        members = [self._running[ticket] for ticket in batch.tickets]
        requests = [_request(member) for member in members]
        try:
            masks = self._runner.predict(requests, batch.key)
        except torch.OutOfMemoryError:
            if len(members) == 1 or not self._runner.can_repeat:
                raise
            self._halve(batch)
            for member in members:
                member.unbilled_seconds += (time.perf_counter() - started) / len(members)
            return []
        for member, mask in zip(members, masks, strict=True):
            member.state.take(mask)
        self._scheduler.update(
            BatchOutcome(
                batch,
                tuple(
                    None
                    if member.state.stop_reason is not None
                    else self._runner.batch_key(member.state.region)
                    for member in members
                ),
            )
        )
        seconds = (time.perf_counter() - started) / len(members)
        for member in members:
            member.state.add_seconds(seconds + member.unbilled_seconds)
            member.unbilled_seconds = 0.0
        ended = [
            self._running.pop(ticket)
            for ticket, member in zip(batch.tickets, members, strict=True)
            if member.state.stop_reason is not None
        ]
        self._num_pixels -= sum(_num_pixels(member.state.session) for member in ended)
        return [
            member.state.finish(self._runner.probabilities(member.opened), self._runner.traits.threshold)
            for member in ended
        ]

    def _has_room_for(self, session: Session) -> bool:
        room = self._places.max_pixels - self._num_pixels
        return not self._running or _num_pixels(session) <= room

    def _halve(self, batch: Batch) -> None:
        """Have the sessions of a batch that did not fit run in two, and later ones too."""
        batch_size = len(batch.tickets) // 2
        self._places = replace(self._places, batch_size=batch_size)
        self._scheduler.put_back(
            batch, num_places=self._places.num_places, batch_size=self._places.sessions_per_pass
        )
        logger.warning(
            "out of GPU memory with %d sessions of %s in a batch: from now on %d",
            len(batch.tickets),
            "x".join(map(str, batch.key)),
            batch_size,
        )

    def _new_scheduler(self) -> Scheduler:
        return Scheduler(self._places.num_places, self._places.sessions_per_pass)


def _request(running: _Running) -> Request[Any]:
    state, session = running.state, running.state.session
    return Request(
        running.opened,
        state.region,
        state.clicks,
        state.num_new,
        session.changes == "local",
        session.excluded,
    )


def _first_map(session: Session) -> npt.NDArray[np.float32]:
    """(H, W) float32: the map before the first click."""
    start, size = session.known, session.image.shape[:2]
    return start.probabilities(*size) if isinstance(start, FromMask) else np.zeros(size, np.float32)


def _num_pixels(session: Session) -> int:
    return int(session.image.shape[0] * session.image.shape[1])

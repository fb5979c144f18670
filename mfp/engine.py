"""The engine: many sessions in flight over one click model."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from mfp.click_model import ClickModel, CropModel, SessionModel
from mfp.crop_runner import CropRunner
from mfp.engine_settings import EngineSettings
from mfp.errors import ClickModelError, ImageSizeError
from mfp.live_session import LiveSession
from mfp.mask_quality import EXPECTED_IOU, MaskQuality
from mfp.runner import Launched, Request, Runner
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
    unbilled_seconds: float = 0.0  # spent on the session since a click was charged
    unbilled_network_seconds: float = 0.0  # those of the model among them

    def charge_click(self) -> None:
        """Charge what was spent to the click whose mask was taken last."""
        self.state.add_seconds(self.unbilled_seconds, self.unbilled_network_seconds)
        self.unbilled_seconds = self.unbilled_network_seconds = 0.0


@dataclass(frozen=True)
class _Away:
    """A batch that was launched and not collected yet."""

    batch: Batch
    members: list[_Running]
    launched: Launched


def runner_of(model: ClickModel, settings: EngineSettings, device: str) -> Runner[Any, Any]:
    """What runs a model of either kind on a torch device.

    Raises:
        ClickModelError: the object is no click model.
        BackendError: the backend is not here, or cannot run the model on that device.
        DeviceError: there is no GPU.
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

    On a device that works beside the host two batches are away at a time: the host clicks for the sessions of one while
    the device runs the other.

    A batch of crops that does not fit the GPU's memory is halved and run again; the smaller size is kept, as results
    do not depend on it. Main memory is not so handled: there a network takes one session at a time anyway.
    """

    def __init__(
        self,
        model: ClickModel,
        settings: EngineSettings,
        device: str = "cpu",
        identity: str = "",
        quality: MaskQuality = EXPECTED_IOU,
    ) -> None:
        """The model is put on the torch device (`cpu`, `cuda`, `cuda:1`) in its form for inference.

        `identity` is what rows call it, if that is not what the model says of itself. `quality` scores its masks. The
        backend `auto` is torch here: what is fastest on a machine is measured once, by whoever starts a run.

        Raises:
            ClickModelError: the object is no click model.
            BackendError: the backend is not here, or cannot run the model on that device.
            DeviceError: there is no GPU.
        """
        self._runner = runner_of(model, settings, device)
        self._quality = quality
        self.identity = identity or self._runner.traits.identity
        self._places = self._runner.places
        self._scheduler = self._new_scheduler()
        self._running: dict[int, _Running] = {}
        self._away: deque[_Away] = deque()  # the longest away first
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
        self._away.clear()
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
            if self._launch_next() and len(self._away) < self._places.max_batches_away:
                continue  # the device has work: whoever is ready too goes out before anything is waited for
            if self._away:
                yield from self._collect(self._away.popleft())
            if self._is_abandoned:
                self._away.clear()
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
        state = SessionState(session, self._runner.zoom, self._quality)
        if state.stop_reason is not None:
            return
        opened = self._runner.open(session.image, session.known)
        while state.stop_reason is None:
            request = _request(_Running(state, opened))
            (masks,) = self._runner.predict([request], self._runner.batch_key(state.region))
            state.take(masks)
            yield state.look(self._runner.probabilities(opened))

    def begin(self, session: Session) -> LiveSession:
        """A session alone whose clicks come one at a time; several may be open, and be clicked in any order.

        Raises:
            ImageSizeError: the model does not take the image.
            StartError: the model does not start from a mask.
        """
        return LiveSession(session, self._runner)

    def _admit(self, session: Session, on_refused: OnRefused) -> FinishedSession | None:
        """Start a session, unless the model refuses its image; its outcome if there is nothing to click."""
        started, network_before = time.perf_counter(), self._runner.network.seconds
        state = SessionState(session, self._runner.zoom, self._quality)
        if state.stop_reason is not None:
            state.add_seconds(time.perf_counter() - started, 0.0)
            return state.finish(_first_map(session), self._runner.traits.threshold)
        try:
            opened = self._runner.open(session.image, session.known)
        except ImageSizeError as error:
            on_refused(session, error)
            return None
        self._num_pixels += _num_pixels(session)
        ticket = self._scheduler.admit(self._runner.batch_key(state.region))
        self._running[ticket] = _Running(
            state, opened, time.perf_counter() - started, self._runner.network.seconds - network_before
        )
        return None

    def _launch_next(self) -> bool:
        """Hand the next batch to the model, if there is one and it finds memory."""
        if (batch := self._scheduler.schedule()) is None:
            return False
        members = [self._running[ticket] for ticket in batch.tickets]
        with self._shared_among(members):
            try:
                launched = self._runner.launch([_request(member) for member in members], batch.key)
            except torch.OutOfMemoryError:
                if not self._can_try_again(batch):
                    raise
                self._put_back(batch)
                return False
        self._away.append(_Away(batch, members, launched))
        return True

    def _collect(self, away: _Away) -> list[FinishedSession]:
        """Take the answers to a batch and do all that follows from them; returns the sessions that ended."""
        batch, members = away.batch, away.members
        with self._shared_among(members):
            for member, mask in zip(members, away.launched.collect(), strict=True):
                member.state.take(mask)
            self._scheduler.update(BatchOutcome(batch, tuple(self._next_key(member) for member in members)))
            ended = [
                (self._running.pop(ticket), self._runner.probabilities(member.opened))
                for ticket, member in zip(batch.tickets, members, strict=True)
                if member.state.stop_reason is not None
            ]
        for member in members:
            member.charge_click()
        self._num_pixels -= sum(_num_pixels(member.state.session) for member, _ in ended)
        return [member.state.finish(prob, self._runner.traits.threshold) for member, prob in ended]

    def _next_key(self, member: _Running) -> Any:
        """The batch key of a session's next pass; None if it has ended."""
        state = member.state
        return None if state.stop_reason is not None else self._runner.batch_key(state.region)

    @contextmanager
    def _shared_among(self, members: Sequence[_Running]) -> Iterator[None]:
        """Each of these sessions is to pay the same share of the time of what is done inside."""
        started, network_before = time.perf_counter(), self._runner.network.seconds
        yield
        seconds, network = time.perf_counter() - started, self._runner.network.seconds - network_before
        for member in members:
            member.unbilled_seconds += seconds / len(members)
            member.unbilled_network_seconds += network / len(members)

    def _has_room_for(self, session: Session) -> bool:
        room = self._places.max_pixels - self._num_pixels
        return not self._running or _num_pixels(session) <= room

    def _can_try_again(self, batch: Batch) -> bool:
        """Whether a batch that found no memory may find some: in two parts, or once the other batches have come in."""
        return self._runner.can_repeat and (len(batch.tickets) > 1 or bool(self._away))

    def _put_back(self, batch: Batch) -> None:
        """Have the sessions of a batch that found no memory run again; several in two batches, and later ones too."""
        if len(batch.tickets) > 1:
            batch_size = min(self._places.batch_size, len(batch.tickets) // 2)
            self._places = replace(self._places, batch_size=batch_size)
            logger.warning(
                "out of GPU memory with %d sessions of %s in a batch: from now on %d",
                len(batch.tickets),
                "x".join(map(str, batch.key)),
                batch_size,
            )
        self._scheduler.put_back(
            batch, num_places=self._places.num_places, batch_size=self._places.sessions_per_pass
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

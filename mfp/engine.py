"""The engine: many sessions in flight over one network."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch

from mfp.engine_settings import EngineSettings
from mfp.network import ClickNetwork
from mfp.places import Places
from mfp.predictor import CropRequest, Predictor, SessionMaps
from mfp.region import ZoomSettings
from mfp.scheduler import Batch, BatchOutcome, CropSize, Scheduler
from mfp.session import FinishedSession, Session
from mfp.session_state import SessionState

logger = logging.getLogger(__name__)


@dataclass
class _Running:
    state: SessionState
    maps: SessionMaps
    unbilled_seconds: float  # spent on the session before its first step


class Engine:
    """Runs sessions over one network by continuous batching. One run at a time.

    A batch that does not fit the GPU's memory is halved and run again; the smaller size is kept, as results do not
    depend on it. Main memory is not so handled: there the network takes one session at a time anyway.
    """

    def __init__(self, network: ClickNetwork, settings: EngineSettings, device: str = "cpu") -> None:
        """The network is moved to the torch device (`cpu`, `cuda`, `cuda:1`) and to evaluation mode."""
        self._settings = settings
        self._places = Places(settings.batch_size, is_on_cpu=device == "cpu")
        self._zoom = ZoomSettings() if settings.zoom else None
        self._predictor = Predictor(network, flip=settings.flip, precision=settings.precision, device=device)
        self._scheduler = self._new_scheduler()
        self._running: dict[int, _Running] = {}
        self._num_pixels = 0  # of the images of all running sessions
        self._is_abandoned = False

    @property
    def batch_size(self) -> int:
        """That of the settings, or less where the GPU's memory turned out to be too small."""
        return self._places.batch_size

    @property
    def num_in_flight(self) -> int:
        """Sessions that were begun and have not ended."""
        return self._scheduler.num_in_flight

    def run(self, sessions: Iterable[Session | None]) -> Iterator[FinishedSession]:
        """Run every session to its end and yield each one as soon as it has ended.

        Args:
            sessions: pulled from only when a place is free; one whose image is too large to go beside those in flight
                waits for them. May be endless, may block. None stands for "none
                ready now": the engine goes on with those in flight and asks again after the next step. A
                source that blocks only while `num_in_flight` is 0 never keeps a batch waiting.

        Yields:
            The outcomes in the order in which the sessions end. A result depends on its session alone.

        Raises:
            torch.OutOfMemoryError: the GPU's memory does not hold even one session.

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
                if (finished := self._admit(session)) is not None:
                    yield finished
            if (batch := self._scheduler.schedule()) is not None:
                yield from self._step(batch)
            if self._is_abandoned:
                return

    def abandon(self) -> None:
        """Have the run under way end after its present pass, without its sessions; for another thread than its own."""
        self._is_abandoned = True

    def _admit(self, session: Session) -> FinishedSession | None:
        """Start a session; its outcome where there is nothing to click from the beginning."""
        started = time.perf_counter()
        state = SessionState(session, self._zoom)
        maps = SessionMaps(session.image, self._predictor.device)
        if state.stop_reason is not None:
            return self._finish(state, maps)
        self._num_pixels += _num_pixels(session)
        ticket = self._scheduler.admit(self._crop_size(state))
        self._running[ticket] = _Running(state, maps, time.perf_counter() - started)
        return None

    def _step(self, batch: Batch) -> list[FinishedSession]:
        """One pass over a batch and all that follows from it; returns the sessions that ended."""
        started = time.perf_counter()
        members = [self._running[ticket] for ticket in batch.tickets]
        requests = [CropRequest(member.maps, member.state.region, member.state.clicks) for member in members]
        try:
            masks = self._predictor.predict(requests, batch.crop_size)
        except torch.OutOfMemoryError:
            if len(members) == 1:
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
                    None if member.state.stop_reason is not None else self._crop_size(member.state)
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
        return [self._finish(member.state, member.maps) for member in ended]

    def _finish(self, state: SessionState, maps: SessionMaps) -> FinishedSession:
        return state.finish(maps.probabilities(), self._predictor.network.click_settings.threshold)

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
            "out of GPU memory with %d sessions of %dx%d in a batch: from now on %d",
            len(batch.tickets),
            *batch.crop_size,
            batch_size,
        )

    def _crop_size(self, state: SessionState) -> CropSize:
        network, asked = self._predictor.network, self._settings.zoom_size
        zoom_size = network.zoom_size if asked == "model" else asked
        return network.crop_size(state.region.height, state.region.width, zoom_size)

    def _new_scheduler(self) -> Scheduler:
        return Scheduler(self._places.num_places, self._places.sessions_per_pass)


def _num_pixels(session: Session) -> int:
    return int(session.image.shape[0] * session.image.shape[1])

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from mfp import places
from mfp.click_model import ClickModel, CropBatch
from mfp.clicks import Click
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings, Flip
from mfp.errors import ImageSizeError
from mfp.models.analytic import AnalyticClickModel
from mfp.models.lite0 import Lite0, Lite0Config
from mfp.network import ClickSettings
from mfp.places import Places
from mfp.session import FinishedSession, LoggedClicks, Session, SessionLimits, SimulatedClicks
from mfp.stop_reason import StopReason
from tests.mfp.click_models import GrowingModel, PreparingModel, Smoothed
from tests.mfp.session_factories import (
    NO_TARGET,
    RedChannelModel,
    TinyNetwork,
    create_image,
    create_session,
    create_sessions,
    create_truth,
    outcomes,
    painted,
    watched,
)


def create_lite0() -> Lite0:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Lite0(Lite0Config())


NETWORKS: dict[str, Callable[[], ClickModel]] = {
    "analytic": AnalyticClickModel,
    "tiny": TinyNetwork,
    "lite0": create_lite0,
    "baseline": lambda: TinyNetwork(
        settings=ClickSettings(threshold=0.49, initial_pass=False, keeps_outside=False)
    ),
    "preparing": PreparingModel,
    "session": lambda: GrowingModel(max_sessions=3),
}


def create_engine(network: ClickModel, batch_size: int = 4, zoom_size: int = 64) -> Engine:
    return Engine(network, EngineSettings(batch_size=batch_size, zoom_size=zoom_size))


def run(network: ClickModel, sessions: Iterable[Session | None], batch_size: int) -> dict[object, object]:
    return dict(outcomes(create_engine(network, batch_size).run(sessions)))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_session_does_not_depend_on_neighbours_batch_size_or_order(name: str) -> None:
    network, sessions = NETWORKS[name](), create_sessions(6 if name == "lite0" else 11)
    alone = {key: value for session in sessions for key, value in run(network, [session], 1).items()}
    assert len(alone) == len(sessions)
    for batch_size in (1, 2, 7, 16):
        shuffled = random.Random(batch_size).sample(sessions, len(sessions))
        assert run(network, shuffled, batch_size) == alone


@pytest.mark.parametrize("name", ["analytic", "tiny"])
def test_fresh_sessions_beside_running_ones_change_nothing(name: str) -> None:
    sessions = create_sessions(9)

    def in_drops() -> Iterator[Session | None]:
        for session in sessions:
            yield session
            yield None
            yield None

    network = NETWORKS[name]()
    assert run(network, in_drops(), 7) == run(network, sessions, 1)


def test_a_crop_size_that_a_model_does_not_take_ends_the_run_and_refuses_no_image() -> None:
    class OfFewSizes(AnalyticClickModel):
        def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
            raise ImageSizeError("crops are multiples of 32")

    refused: list[Session] = []
    engine = create_engine(OfFewSizes())
    with pytest.raises(ImageSizeError, match="crops are multiples of 32"):
        list(engine.run(create_sessions(2), lambda session, error: refused.append(session)))
    assert refused == []


def test_sessions_are_not_all_alike() -> None:
    """Else the tests of independence would show nothing."""
    finished = list(create_engine(TinyNetwork()).run(create_sessions(10)))
    assert len({record.region for session in finished for record in session.clicks}) > 5
    assert len({session.mask.tobytes() for session in finished}) == 10
    assert all(0 < session.mask.mean() < 1 for session in finished)
    assert any(not record.click.is_foreground for session in finished for record in session.clicks)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("with_truth", [True, False])
def test_replayed_clicks_give_the_masks_of_the_simulated_run_again(name: str, with_truth: bool) -> None:
    network, sessions = NETWORKS[name](), create_sessions(4)
    simulated = list(create_engine(network).run(sessions))
    replays = [
        Session(
            finished.key,
            sessions[int(str(finished.key))].image,
            sessions[int(str(finished.key))].truth if with_truth else None,
            LoggedClicks(tuple(record.click for record in finished.clicks)),
            NO_TARGET,
        )
        for finished in simulated
    ]
    replayed = {finished.key: finished for finished in create_engine(network).run(replays)}
    for finished in simulated:
        again = replayed[finished.key]
        assert np.array_equal(again.mask, finished.mask)
        assert again.quality == finished.quality
        assert [(r.area, r.region) for r in again.clicks] == [(r.area, r.region) for r in finished.clicks]
        ious = [record.iou for record in finished.clicks]
        assert [record.iou for record in again.clicks] == (ious if with_truth else [None] * len(ious))


def test_a_finished_session_leaves_at_once_and_the_next_one_takes_its_place() -> None:
    def create(key: str, num_clicks: int) -> Session:
        clicks = LoggedClicks((Click(30, 30, True),) * num_clicks)
        return Session(key, create_image(0, 64, 64), None, clicks)

    pulled: list[object] = []
    sessions = [create("long", 9), create("short", 1), create("next", 2), create("last", 1)]
    run_ = create_engine(AnalyticClickModel(), batch_size=2).run(watched(sessions, pulled))
    assert next(run_).key == "short"
    assert pulled == ["long", "short"]
    assert next(run_).key == "next"
    assert pulled == ["long", "short", "next"]
    assert [session.key for session in run_] == ["last", "long"]


def test_sessions_are_pulled_only_when_a_place_is_free() -> None:
    pulled: list[object] = []
    engine = create_engine(AnalyticClickModel(), batch_size=3)
    for num_finished, _ in enumerate(engine.run(watched(create_sessions(12), pulled)), start=1):
        assert len(pulled) <= num_finished - 1 + 3
    assert len(pulled) == 12


def test_sessions_in_flight_are_bounded_by_pixels_and_come_out_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit here lets two of the smallest images through, and the larger ones only alone."""
    expected = outcomes(create_engine(TinyNetwork(), batch_size=4).run(create_sessions(10)))
    monkeypatch.setattr(places, "_PIXELS_PER_PLACE", 2 * 96 * 128 // 4)
    pulled: list[object] = []
    engine = create_engine(TinyNetwork(), batch_size=4)
    finished: list[FinishedSession] = []
    for session in engine.run(watched(create_sessions(10), pulled)):
        finished.append(session)
        assert len(pulled) <= len(finished) + 2  # two in flight, or one and another that waits for it
    assert outcomes(finished) == expected
    assert len(pulled) == 10


def test_an_endless_iterator_is_served() -> None:
    endless = (create_session(seed % 3) for seed in itertools.count())
    finished = list(itertools.islice(create_engine(AnalyticClickModel()).run(endless), 9))
    assert len(finished) == 9


def test_none_lets_the_engine_go_on_with_the_sessions_in_flight() -> None:
    """The second session comes only after the first has ended: a source that waits for that must not hang."""
    engine = create_engine(AnalyticClickModel())
    finished: list[object] = []

    def source() -> Iterator[Session | None]:
        yield create_session(0)
        while not finished:
            assert engine.num_in_flight == 1
            yield None
        yield create_session(1)

    for session in engine.run(source()):
        finished.append(session.key)
    assert finished == [0, 1]
    assert engine.num_in_flight == 0


def test_an_engine_starts_afresh_after_a_run_was_left() -> None:
    engine = create_engine(AnalyticClickModel(), batch_size=2)
    expected = outcomes(engine.run(create_sessions(2)))
    next(engine.run(create_sessions(5)))
    assert outcomes(engine.run(create_sessions(2))) == expected


def test_no_sessions_no_outcomes() -> None:
    assert list(create_engine(AnalyticClickModel()).run([])) == []
    assert list(create_engine(AnalyticClickModel()).run([None, None])) == []


@pytest.mark.parametrize(
    ("limits", "reason", "num_clicks"),
    [
        (SessionLimits(target_iou=None), StopReason.PERFECT, 1),
        (SessionLimits(target_iou=0.95), StopReason.TARGET_REACHED, 1),
        (SessionLimits(target_iou=0.95, min_clicks=4), StopReason.PERFECT, 1),
        (SessionLimits(target_iou=None, max_clicks=1), StopReason.MAX_CLICKS, 1),
    ],
)
def test_a_perfect_answer_ends_a_session(limits: SessionLimits, reason: StopReason, num_clicks: int) -> None:
    truth = create_truth(2, 50, 70)
    session = Session("key", painted(truth), truth, SimulatedClicks(), limits)
    (finished,) = create_engine(RedChannelModel()).run([session])
    assert (finished.stop_reason, len(finished.clicks), finished.iou) == (reason, num_clicks, 1.0)
    assert np.array_equal(finished.mask, truth == 1)
    assert finished.quality is not None and finished.quality > 0.95  # the map is 0.999 and 0.001


def test_an_object_without_pixels_is_over_before_the_network_runs() -> None:
    empty = Session("empty", create_image(0, 50, 70), np.zeros((50, 70), np.int8), SimulatedClicks())
    finished = list(create_engine(AnalyticClickModel(), batch_size=1).run([create_session(0), empty]))
    assert [session.key for session in finished] == [0, "empty"]
    assert (finished[1].stop_reason, finished[1].clicks, finished[1].iou) == (StopReason.PERFECT, (), None)
    assert finished[1].network_seconds == 0 < finished[1].seconds


def test_seconds_are_shares_of_the_wall_time_of_the_loop() -> None:
    started = time.perf_counter()
    finished = list(create_engine(TinyNetwork()).run(create_sessions(5)))
    wall = time.perf_counter() - started
    seconds = [record.seconds for session in finished for record in session.clicks]
    assert min(seconds) > 0
    assert 0.5 * wall < sum(seconds) <= wall


class MeasuredModel(PreparingModel):
    """Measures its own calls, one of which finds too little memory; each takes a while."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.seconds = 0.0

    def prepare(self, image: Tensor) -> Smoothed:  # type: ignore[override]
        with self._measured():
            return super().prepare(image)

    def predict(self, batch: CropBatch) -> Tensor:
        with self._measured():
            if len(batch.clicks) // 2 > self.room:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().predict(batch)

    @contextmanager
    def _measured(self) -> Iterator[None]:
        began = time.perf_counter()
        time.sleep(0.01)
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began


@pytest.mark.parametrize("room", [1, 8])
def test_seconds_of_the_network_are_those_of_all_calls_of_the_model(room: int, whole_batches: None) -> None:
    model = MeasuredModel(room)
    engine = create_engine(model)
    finished = list(engine.run(create_sessions(4, SessionLimits(max_clicks=3))))
    assert (len(finished), engine.batch_size) == (4, min(room, 4))
    assert model.seconds <= sum(session.network_seconds for session in finished) < 1.2 * model.seconds
    for session in finished:
        assert 0.02 < session.network_seconds < session.seconds
        assert session.seconds == pytest.approx(sum(record.seconds for record in session.clicks))


def test_the_consumer_of_a_run_is_not_in_inference_mode() -> None:
    for _ in create_engine(AnalyticClickModel()).run(create_sessions(2)):
        assert not torch.is_inference_mode_enabled()


def test_zoom_and_flip_are_choices() -> None:
    sessions = [create_session(3)]
    network = TinyNetwork()
    chosen = [
        outcomes(Engine(network, EngineSettings(zoom_size=64, zoom=zoom, flip=flip)).run(sessions))
        for zoom, flip in itertools.product((True, False), get_args(Flip))
    ]
    assert all(one != other for one, other in itertools.combinations(chosen, 2))


@pytest.fixture
def whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The passes of a GPU, on a CPU."""
    monkeypatch.setattr(Places, "sessions_per_pass", property(lambda self: self.batch_size))


class SmallMemory(AnalyticClickModel):
    """Has room for so many sessions, each with its mirror image; notes how many it was asked for."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.asked: list[int] = []

    def predict(self, batch: CropBatch) -> Tensor:
        self.asked.append(len(batch.clicks) // 2)
        if self.asked[-1] > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().predict(batch)


def test_a_cpu_takes_one_session_at_a_time() -> None:
    network = SmallMemory(room=1)
    assert len(list(create_engine(network, batch_size=4).run(create_sessions(6)))) == 6


def test_a_batch_that_does_not_fit_is_halved_and_changes_no_result(
    caplog: pytest.LogCaptureFixture, whole_batches: None
) -> None:
    sessions = create_sessions(11)
    network = SmallMemory(room=3)
    engine = Engine(network, EngineSettings(batch_size=8, zoom_size=64))
    assert outcomes(engine.run(sessions)) == run(AnalyticClickModel(), sessions, 1)
    assert max(network.asked) > 3, "the memory was too small at least once"
    assert engine.batch_size in {1, 2, 3}
    assert f"from now on {engine.batch_size}" in caplog.text
    network.asked.clear()
    assert outcomes(engine.run(sessions)) == run(AnalyticClickModel(), sessions, 1)
    assert max(network.asked) <= engine.batch_size, "the smaller size is kept"


def test_a_session_that_does_not_fit_alone_is_an_error(whole_batches: None) -> None:
    engine = Engine(SmallMemory(room=0), EngineSettings(batch_size=8, zoom_size=64))
    with pytest.raises(torch.OutOfMemoryError):
        list(engine.run(create_sessions(11)))
    assert engine.batch_size == 1


def test_sessions_on_cuda_wait_in_more_places_than_a_batch_takes() -> None:
    assert Places.of_crops(8, is_on_cpu=True).num_places == 8
    assert Places.of_crops(8, is_on_cpu=False).num_places == 32

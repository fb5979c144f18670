"""The engine over a device that works beside the host: the host clicks for one batch while another runs."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.runner import Request
from mfp.session import Session
from tests.mfp.beside_host import OnThread, ThreadedRunner, engine_on_thread
from tests.mfp.click_models import GrowingModel, PreparingModel
from tests.mfp.session_factories import create_sessions, outcomes, watched

MODELS = {"analytic": AnalyticClickModel, "preparing": PreparingModel}


def on_host(sessions: Sequence[Session], model: str = "analytic") -> dict[object, tuple[object, ...]]:
    return outcomes(Engine(MODELS[model](), EngineSettings(zoom_size=64)).run(sessions))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_results_are_those_of_one_batch_at_a_time(
    model: str, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = create_sessions(11)
    engine, runner = engine_on_thread(monkeypatch, MODELS[model](), batch_size)
    shuffled = random.Random(batch_size).sample(sessions, len(sessions))
    assert outcomes(engine.run(shuffled)) == on_host(sessions, model)
    assert runner.max_away == 2
    assert max(runner.launched) <= batch_size


def test_one_batch_runs_while_the_host_clicks_for_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, runner = engine_on_thread(monkeypatch, AnalyticClickModel(), batch_size=2)
    list(engine.run(create_sessions(24)))
    assert runner.collected.count(1) > 0.8 * len(runner.collected), "all but the last sessions"
    assert runner.collected[-1] == 0


def test_a_session_is_in_one_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exclusive(ThreadedRunner):
        def __init__(self, inner: Any) -> None:
            super().__init__(inner)
            self.away: list[set[int]] = []

        def launch(self, requests: Sequence[Request[Any]], key: Any) -> OnThread:
            self.away = self.away[len(self.away) - self.num_away :]
            sessions = {id(request.session) for request in requests}
            assert not any(sessions & others for others in self.away)
            self.away.append(sessions)
            return super().launch(requests, key)

    engine, _ = engine_on_thread(monkeypatch, AnalyticClickModel(), 3, Exclusive)
    assert len(list(engine.run(create_sessions(9)))) == 9


def test_the_host_waits_for_one_batch_at_a_time() -> None:
    """There every batch is over when it is launched, and a second one would only hold memory."""
    engine = Engine(AnalyticClickModel(), EngineSettings(batch_size=4, zoom_size=64))
    assert engine._places.max_batches_away == 1
    sessions = Engine(GrowingModel(max_sessions=3), EngineSettings(batch_size=4))
    assert sessions._places.max_batches_away == 1


def test_a_source_that_has_nothing_ready_keeps_no_batch_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, _ = engine_on_thread(monkeypatch, AnalyticClickModel(), batch_size=4)
    sessions = create_sessions(6)

    def in_drops() -> Iterator[Session | None]:
        for session in sessions:
            yield session
            yield None

    assert outcomes(engine.run(in_drops())) == on_host(sessions)


def test_an_abandoned_run_ends_with_batches_away_and_the_next_one_starts_afresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, runner = engine_on_thread(monkeypatch, AnalyticClickModel(), batch_size=2)
    run = engine.run(create_sessions(20))
    next(run)
    engine.abandon()
    assert len(list(run)) < 19
    runner.num_away = 0  # what was away is left to itself
    assert outcomes(engine.run(create_sessions(5))) == on_host(create_sessions(5))


def test_sessions_are_pulled_only_when_a_place_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    pulled: list[object] = []
    engine, _ = engine_on_thread(monkeypatch, AnalyticClickModel(), batch_size=1)
    for num_finished, _ in enumerate(engine.run(watched(create_sessions(12), pulled)), start=1):
        assert len(pulled) <= num_finished - 1 + 4
    assert len(pulled) == 12


class Cramped(ThreadedRunner):
    """Has memory for so many sessions of one batch."""

    room = 3

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.num_refused = 0

    def launch(self, requests: Sequence[Request[Any]], key: Any) -> OnThread:
        if len(requests) <= self.room:
            return super().launch(requests, key)
        self.num_refused += 1
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_batch_without_memory_is_halved_and_changes_no_result(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = create_sessions(40)
    engine, runner = engine_on_thread(monkeypatch, AnalyticClickModel(), 8, Cramped)
    assert outcomes(engine.run(sessions)) == on_host(sessions)
    assert isinstance(runner, Cramped)
    assert runner.num_refused == 2, "8 sessions, then 4"
    assert engine.batch_size in {1, 2, 3}
    assert f"from now on {engine.batch_size}" in caplog.text


class Narrow(ThreadedRunner):
    """Has memory for one batch at a time."""

    def launch(self, requests: Sequence[Request[Any]], key: Any) -> OnThread:
        if self.num_away:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().launch(requests, key)


def test_a_session_that_fits_only_alone_waits_for_the_batch_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sessions = create_sessions(7)
    engine, runner = engine_on_thread(monkeypatch, AnalyticClickModel(), 1, Narrow)
    assert outcomes(engine.run(sessions)) == on_host(sessions)
    assert (engine.batch_size, runner.max_away) == (1, 1)


def test_a_session_that_does_not_fit_alone_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Cramped):
        room = 0

    engine, _ = engine_on_thread(monkeypatch, AnalyticClickModel(), 8, Full)
    with pytest.raises(torch.OutOfMemoryError):
        list(engine.run(create_sessions(11)))
    assert engine.batch_size == 1


def test_seconds_are_shares_of_the_wall_time_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, _ = engine_on_thread(monkeypatch, AnalyticClickModel(), batch_size=3)
    sessions = create_sessions(9)
    started = time.perf_counter()
    finished = list(engine.run(sessions))
    wall = time.perf_counter() - started
    seconds = [record.seconds for session in finished for record in session.clicks]
    assert min(seconds) > 0
    assert 0.5 * wall < sum(seconds) <= wall

"""The loop of the field clicks where the engine does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actors.specs.bench import BenchSpec
from infra.storage.files import Storage
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.network import ModulatedNetwork
from mfp.session import Session
from pipelines.benchmarks.sequential_loop import SequentialLoop
from pipelines.benchmarks.subject import find_benched_model, samples_of, sessions_on
from tests.mfp.session_factories import create_session

NUM_CLICKS = 5
SPEC = BenchSpec(name="sequential", objects=3, clicks=NUM_CLICKS)


def network(name: str) -> ModulatedNetwork:
    built = find_benched_model(name, Storage()).build()
    assert isinstance(built, ModulatedNetwork)
    return built


def compare(name: str, sessions: list[Session], settings: EngineSettings) -> int:
    """The clicks on all objects; they are the same, and so are the IoUs but for rounding."""
    loop = SequentialLoop(network(name), settings, NUM_CLICKS)
    by_key = {finished.key: finished.clicks for finished in Engine(network(name), settings).run(sessions)}
    num_clicks = 0
    for session in sessions:
        clicks, ious = loop.clicks_on(session)
        records = by_key[session.key]
        assert clicks == [record.click for record in records]
        assert ious == pytest.approx([record.iou for record in records], abs=1e-4)
        num_clicks += len(clicks)
    return num_clicks


@pytest.mark.parametrize(
    "settings",
    [
        EngineSettings(device="cpu"),
        EngineSettings(device="cpu", flip="off", zoom_size=192),
        EngineSettings(device="cpu", zoom=False),
    ],
    ids=["as it is", "without flip, smaller", "without zoom"],
)
def test_on_photographs_with_lite0(settings: EngineSettings) -> None:
    sessions = sessions_on(samples_of(SPEC, Storage()), SPEC.objects, NUM_CLICKS)
    assert compare("lite0", sessions, settings) == SPEC.objects * NUM_CLICKS


def test_on_objects_of_several_sizes_with_ignored_pixels() -> None:
    sessions = [create_session(seed) for seed in range(5)]
    limits = replace(sessions[0].limits, max_clicks=NUM_CLICKS)
    assert (
        compare("lite0", [replace(one, limits=limits) for one in sessions], EngineSettings(device="cpu")) > 20
    )


def test_on_a_network_with_random_weights() -> None:
    sessions = sessions_on(samples_of(SPEC, Storage()), SPEC.objects, NUM_CLICKS)
    assert compare("vit_tiny", sessions, EngineSettings(device="cpu")) == SPEC.objects * NUM_CLICKS

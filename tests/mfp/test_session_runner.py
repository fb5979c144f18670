"""Models that hold sessions themselves, in the engine."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mfp.click_model import Image, SessionTurn
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.errors import ClickModelError, ImageSizeError
from mfp.region import Region
from mfp.session import FinishedSession, Session
from tests.mfp.click_models import GrowingModel, PickyModel, assert_all_different
from tests.mfp.session_factories import create_session, create_sessions, outcomes
from tests.mfp.test_features import sessions_on_shared_images


def run(model: GrowingModel, sessions: Sequence[Session], batch_size: int = 4) -> list[FinishedSession]:
    return list(Engine(model, EngineSettings(batch_size=batch_size)).run(sessions))


def test_sessions_do_not_depend_on_neighbours_batch_size_order_or_how_many_a_call_takes() -> None:
    sessions = create_sessions(7) + sessions_on_shared_images(2, 3)
    finished = run(GrowingModel(), sessions, 1)
    expected = outcomes(finished)
    assert len(expected) == 13
    assert_all_different([session.prob for session in finished])
    for seed in range(8):
        batch_size, max_sessions = random.Random(seed).choice([1, 2, 5, 16]), 1 + seed % 4
        shuffled = random.Random(seed).sample(sessions, len(sessions))
        model = GrowingModel(max_sessions, reuses_array=seed % 2 == 1)
        assert outcomes(run(model, shuffled, batch_size)) == expected
        assert max(model.turns) == min(max_sessions, batch_size)


def test_a_batch_takes_images_of_any_size() -> None:
    sessions = create_sessions(4)
    assert len({session.image.shape for session in sessions}) == 4
    model = GrowingModel(max_sessions=4)
    run(model, sessions)
    assert model.turns[0] == 4


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_what_objects_share_is_made_once_for_an_image(batch_size: int) -> None:
    model = GrowingModel(max_sessions=2)
    run(model, sessions_on_shared_images(num_images=3, num_objects=4), batch_size)
    assert model.num_prepared == 3
    assert model.num_begun == 12


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_an_image_that_the_model_does_not_take_costs_its_sessions_alone(batch_size: int) -> None:
    sessions = create_sessions(7) + sessions_on_shared_images(2, 3)
    expected = outcomes(run(GrowingModel(), sessions))
    widest = int(np.median([session.image.shape[1] for session in sessions]))
    refused: dict[object, str] = {}
    engine = Engine(PickyModel(range(1, widest + 1), max_sessions=2), EngineSettings(batch_size=batch_size))
    finished = outcomes(
        engine.run(sessions, lambda session, error: refused.update({session.key: str(error)}))
    )
    assert refused == {
        session.key: f"{session.image.shape[1]} pixels wide: must be 1 to {widest}"
        for session in sessions
        if session.image.shape[1] > widest
    }
    assert refused
    assert finished == {key: outcome for key, outcome in expected.items() if key not in refused}
    assert engine.num_in_flight == 0


def test_an_image_that_the_model_does_not_take_ends_a_run_that_says_nothing_of_it() -> None:
    with pytest.raises(ImageSizeError, match="pixels wide: must be 1 to 1"):
        run(PickyModel(range(1, 2)), create_sessions(2))


def test_a_session_with_nothing_to_click_is_not_begun() -> None:
    model, session = GrowingModel(), create_session(0)
    empty = replace(session, truth=np.zeros(session.image.shape[:2], np.int8))
    (finished,) = run(model, [empty])
    assert (model.num_prepared, finished.clicks) == (0, ())
    assert not finished.prob.any()


def test_regions_are_the_whole_image_and_the_mask_is_the_last_answer_cut_at_the_models_threshold() -> None:
    (finished,) = run(GrowingModel(reuses_array=True), [create_session(1)])
    height, width = finished.mask.shape
    assert {record.region for record in finished.clicks} == {Region(0, height - 1, 0, width - 1)}
    assert finished.threshold == 0.4
    assert np.array_equal(finished.mask, finished.prob > np.float32(0.4))


def test_a_call_that_ran_out_of_memory_is_not_made_again() -> None:
    """The model may have taken the click into its state."""

    class Full(GrowingModel):
        def predict(self, turns: Sequence[SessionTurn]) -> list[NDArray[np.float32]]:
            super().predict(turns)
            raise torch.OutOfMemoryError("CUDA out of memory")

    model = Full(max_sessions=4)
    with pytest.raises(torch.OutOfMemoryError):
        run(model, create_sessions(4))
    assert model.turns == [4]


Wrong = Callable[[list[NDArray[np.float32]]], object]
WRONG: list[tuple[Wrong, str]] = [
    (lambda maps: maps[0], "gave a ndarray for 1 turns: must be a list"),
    (lambda maps: maps * 2, "gave a list of 2 for 1 turns"),
    (lambda maps: [maps[0][None]], r"growing gave a map \(1, 96, 128\) float32: must be \(96, 128\) float32"),
    (
        lambda maps: [maps[0].astype(np.float64)],
        r"gave a map \(96, 128\) float64: must be \(96, 128\) float32",
    ),
    (lambda maps: [torch.from_numpy(maps[0])], r"a Tensor: must be an array \(96, 128\) float32"),
    (lambda maps: [maps[0] * np.float32(2)], r"values from 3\S+ to 1\.48\d+: all must be in \[0, 1\]"),
    (lambda maps: [maps[0] - 1], r"values from -0.99"),
    (lambda maps: [maps[0] * np.float32(np.nan)], "values from nan to nan"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_an_answer_that_breaks_the_port_is_one_line_that_names_the_model(wrong: Wrong, message: str) -> None:
    class Bad(GrowingModel):
        def predict(self, turns: Sequence[SessionTurn]) -> list[NDArray[np.float32]]:
            return wrong(super().predict(turns))  # type: ignore[return-value]

    with pytest.raises(ClickModelError, match=message) as caught:
        run(Bad(), [create_session(0)])
    assert "\n" not in str(caught.value)


def test_what_is_no_click_model_is_refused() -> None:
    class Half:
        def begin(self, image: Image, shared: object) -> None: ...

    with pytest.raises(ClickModelError, match="Half is no click model"):
        Engine(Half(), EngineSettings())  # type: ignore[arg-type]
    with pytest.raises(ClickModelError, match="growing takes 0 sessions at once"):
        Engine(GrowingModel(max_sessions=0), EngineSettings())

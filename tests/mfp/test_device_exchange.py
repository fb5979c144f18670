"""What the engine does on a device beside the host, on tensors of this one: the masks are those of the host's way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mfp.click_model import ClickModel, CropBatch, ModelTraits
from mfp.clicks import Click
from mfp.crop_runner import CropRunner
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.errors import ClickModelError
from mfp.models.analytic import AnalyticClickModel
from mfp.packed import Packed
from mfp.region import Region
from mfp.runner import Request
from mfp.session import FinishedSession, LoggedClicks, Session
from mfp.session_maps import SessionMaps
from mfp.start import FromMask
from tests.mfp.beside_host import LateTransfers, use_device_paths
from tests.mfp.click_models import PreparingModel
from tests.mfp.session_factories import RedChannelModel, create_image, create_sessions
from tests.mfp.started_sessions import SIZE, start_mask

IMAGE = create_image(0, 90, 120)
WHOLE, PART = Region(0, 89, 0, 119), Region(10, 49, 20, 99)
CLICKS = (Click(30, 40, True),)


class Baseline(AnalyticClickModel):
    """Its masks, and those of zoom-in, have thresholds of their own; outside a region nothing stays."""

    @property
    def traits(self) -> ModelTraits:
        return replace(super().traits, threshold=0.49, keeps_outside=False)


MODELS = {"analytic": AnalyticClickModel, "preparing": PreparingModel, "baseline": Baseline}


@pytest.fixture
def transfers(monkeypatch: pytest.MonkeyPatch) -> LateTransfers:
    """From now on runners take the way of a device beside the host."""
    transfers = LateTransfers()
    use_device_paths(monkeypatch, transfers)
    return transfers


def run(model: ClickModel, sessions: Iterable[Session]) -> dict[object, FinishedSession]:
    engine = Engine(model, EngineSettings(batch_size=3, zoom_size=64))
    return {finished.key: finished for finished in engine.run(sessions)}


def assert_same(one: dict[object, FinishedSession], other: dict[object, FinishedSession]) -> None:
    """But for the order in which qualities were added up."""
    assert one.keys() == other.keys()
    for key, mine in one.items():
        theirs = other[key]
        assert np.array_equal(mine.mask, theirs.mask)
        assert np.array_equal(mine.prob, theirs.prob)
        assert mine.quality == pytest.approx(theirs.quality, abs=1e-9)
        for a, b in zip(mine.clicks, theirs.clicks, strict=True):
            assert (a.click, a.iou, a.area, a.changed_fraction, a.region) == (
                b.click,
                b.iou,
                b.area,
                b.changed_fraction,
                b.region,
            )


@pytest.mark.parametrize("name", MODELS)
def test_masks_clicks_and_maps_are_those_of_the_host(name: str, request: pytest.FixtureRequest) -> None:
    sessions = create_sessions(10)
    on_host = run(MODELS[name](), sessions)
    request.getfixturevalue("transfers")
    assert_same(run(MODELS[name](), sessions), on_host)


@pytest.mark.parametrize("seed", range(4))
def test_local_changes_and_pixels_of_others_are_those_of_the_host(
    seed: int, request: pytest.FixtureRequest
) -> None:
    rng = np.random.default_rng(seed)

    def session(key: int) -> Session:
        clicks = tuple(
            Click(float(rng.integers(SIZE[0])), float(rng.integers(SIZE[1])), bool(rng.integers(2)))
            for _ in range(5)
        )
        return Session(
            key,
            create_image(key, *SIZE),
            None,
            LoggedClicks(clicks),
            start=FromMask(start_mask(seed + key)),
            changes="local" if key % 2 else "global",
            excluded=rng.random(SIZE) < 0.2,
        )

    sessions = [session(key) for key in range(6)]
    on_host = run(AnalyticClickModel(), sessions)
    request.getfixturevalue("transfers")
    assert_same(run(AnalyticClickModel(), sessions), on_host)


def create_runner(model: AnalyticClickModel | None = None) -> CropRunner:
    return CropRunner(model or AnalyticClickModel(), EngineSettings(batch_size=4), "cpu")


def test_an_image_goes_to_the_device_once_as_bytes_for_all_its_sessions(transfers: LateTransfers) -> None:
    runner = create_runner()
    sessions = [runner.open(IMAGE) for _ in range(4)]
    assert transfers.uploaded == [], "a session that waits takes no memory there"
    runner.predict([Request(one, WHOLE, CLICKS) for one in sessions], (64, 64))
    runner.predict([Request(one, PART, (*CLICKS, *CLICKS)) for one in sessions], (64, 64))
    assert transfers.uploaded == [(90, 120, 3)]


def test_a_batch_is_waited_for_once(transfers: LateTransfers) -> None:
    runner = create_runner()
    sessions = [runner.open(IMAGE) for _ in range(5)]
    runner.predict([Request(one, WHOLE, CLICKS) for one in sessions], (64, 64))
    assert transfers.num_marks == 1


def test_numbers_that_cannot_be_used_show_when_the_batch_is_collected(transfers: LateTransfers) -> None:
    class Wrong(AnalyticClickModel):
        def predict(self, batch: CropBatch) -> Tensor:
            return super().predict(batch) / 0

    runner = create_runner(Wrong())
    launched = runner.launch([Request(runner.open(IMAGE), WHOLE, CLICKS)], (64, 64))
    with pytest.raises(ClickModelError, match="analytic gave logits with NaN or infinite values"):
        launched.collect()


@pytest.mark.parametrize("is_local", [True, False])
def test_without_memory_for_the_answers_no_map_changes(
    is_local: bool, transfers: LateTransfers, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = create_runner()
    sessions = [runner.open(IMAGE) for _ in range(3)]
    runner.predict([Request(one, WHOLE, CLICKS) for one in sessions], (64, 64))
    before = [runner.probabilities(one) for one in sessions]
    requests = [Request(one, PART, (*CLICKS, Click(20, 70, False)), is_local=is_local) for one in sessions]
    room = SessionMaps.room

    def no_room(one: SessionMaps, *, keeps_outside: bool) -> Tensor:
        if one is sessions[2].maps:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return room(one, keeps_outside=keeps_outside)

    with monkeypatch.context() as patch, pytest.raises(torch.OutOfMemoryError):
        patch.setattr(SessionMaps, "room", no_room)
        runner.launch(requests, (64, 64))
    assert all(
        np.array_equal(runner.probabilities(one), was) for one, was in zip(sessions, before, strict=True)
    )
    runner.predict(requests, (64, 64))
    assert not any(
        np.array_equal(runner.probabilities(one), was) for one, was in zip(sessions, before, strict=True)
    )


def test_a_map_is_the_callers_own(transfers: LateTransfers) -> None:
    runner = create_runner()
    session = runner.open(IMAGE)
    assert not runner.probabilities(session).any()
    runner.predict([Request(session, WHOLE, CLICKS)], (64, 64))
    first = runner.probabilities(session)
    kept = first.copy()
    runner.predict([Request(session, WHOLE, (*CLICKS, Click(5, 5, False)))], (64, 64))
    assert np.array_equal(first, kept)
    assert not np.array_equal(runner.probabilities(session), kept)


def test_the_network_of_a_batch_is_the_work_of_handing_it_over_and_the_waiting(
    transfers: LateTransfers,
) -> None:
    runner = create_runner()
    launched = runner.launch([Request(runner.open(IMAGE), WHOLE, CLICKS)], (64, 64))
    handed_over = runner.network.seconds
    assert handed_over > 0
    launched.collect()
    assert runner.network.seconds > handed_over


def test_packed_tensors_come_back_in_their_shapes() -> None:
    tensors = [
        torch.tensor([[True, False]]),
        torch.arange(6.0).reshape(2, 3),
        torch.tensor(False),
        torch.zeros(0, 4),
        torch.arange(3.0, dtype=torch.float64),
        torch.arange(10.0).reshape(2, 5)[:, 1:3],
    ]
    packed = Packed.of(tensors)
    assert [tensor.dtype for tensor in packed.tensors] == [torch.bool, torch.float32, torch.float64]
    arrays = packed.unpack([tensor.numpy() for tensor in packed.tensors])
    assert len(arrays) == len(tensors)
    for array, tensor in zip(arrays, tensors, strict=True):
        assert array.shape == tuple(tensor.shape)
        assert np.array_equal(array, tensor.numpy())


def test_red_pixels_are_cut_alike_on_both_sides(request: pytest.FixtureRequest) -> None:
    """The answer is the crop itself: the device's crop has the bits of the host's."""

    def answer() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        runner = CropRunner(RedChannelModel(), EngineSettings(batch_size=4, flip="off"), "cpu")
        session = runner.open(IMAGE)
        runner.predict([Request(session, PART, CLICKS)], (64, 96))
        return runner.probabilities(session)

    on_host = answer()
    request.getfixturevalue("transfers")
    assert np.array_equal(answer(), on_host)

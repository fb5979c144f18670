"""The engine on a GPU: the clicks of a CPU, whatever the batch, and never a hidden wait."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch

from infra.storage.files import Storage
from mfp.click_model import ClickModel
from mfp.clicks import Click
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.errors import ClickModelError
from mfp.models.analytic import AnalyticClickModel
from mfp.session import FinishedSession, LoggedClicks, Session
from mfp.start import FromMask
from pipelines.benchmarks.photographs import photograph
from pipelines.benchmarks.subject import find_benched_model, sessions_on
from tests.mfp.session_factories import RedChannelModel, create_image, create_sessions
from tests.mfp.started_sessions import SIZE, start_mask
from tests.mfp.test_engine_golden import FULL, SMALL, check
from tests.shared_data import requires_shared

pytestmark = pytest.mark.gpu

NUM_OBJECTS, NUM_CLICKS = 24, 10

Finished = dict[object, FinishedSession]


def run(engine: Engine, sessions: Iterable[Session]) -> Finished:
    return {finished.key: finished for finished in engine.run(sessions)}


def lite0_engine(device: str, batch_size: int = 8) -> Engine:
    return Engine(lite0(), EngineSettings(batch_size=batch_size), device)


def lite0() -> ClickModel:
    return find_benched_model("lite0", Storage()).build()


@pytest.fixture(scope="module")
def sessions() -> list[Session]:
    return sessions_on(tuple(photograph(number) for number in range(NUM_OBJECTS)), NUM_OBJECTS, NUM_CLICKS)


@pytest.fixture(scope="module")
def on_cuda(sessions: list[Session]) -> Finished:
    return run(lite0_engine("cuda"), sessions)


def clicks_of(finished: FinishedSession) -> list[Click]:
    return [record.click for record in finished.clicks]


def share_of_equal_clicks(one: Finished, other: Finished) -> float:
    """Of all clicks, those that are equal and come after equal ones."""
    num_equal = num_clicks = 0
    for key, mine in one.items():
        pairs = list(zip(clicks_of(mine), clicks_of(other[key]), strict=False))
        differing = [idx for idx, (a, b) in enumerate(pairs) if a != b]
        num_equal += differing[0] if differing else len(pairs)
        num_clicks += max(len(mine.clicks), len(other[key].clicks))
    return num_equal / num_clicks


def mean_iou(finished: Finished) -> float:
    return float(np.mean([one.clicks[-1].iou for one in finished.values()]))


def test_three_small_recorded_loops_come_out_the_same() -> None:
    assert len(check(SMALL, "cuda")) == 3


@requires_shared
def test_every_recorded_loop_comes_out_the_same() -> None:
    assert len(check(FULL, "cuda")) == 13


def test_lite0_clicks_as_on_a_cpu_but_for_rounding(
    sessions: list[Session], on_cuda: Finished, say: Callable[[str], None]
) -> None:
    on_cpu = run(lite0_engine("cpu"), sessions)
    share = share_of_equal_clicks(on_cpu, on_cuda)
    say(
        f"lite0, fp32: {share:.1%} of the clicks are those of the CPU; mean IoU {mean_iou(on_cuda):.4f} and "
        f"{mean_iou(on_cpu):.4f}"
    )
    assert share > 0.8
    assert mean_iou(on_cuda) == pytest.approx(mean_iou(on_cpu), abs=0.01)


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_batch_size_and_neighbours_change_no_more_than_rounding(
    batch_size: int, sessions: list[Session], on_cuda: Finished, say: Callable[[str], None]
) -> None:
    again = run(lite0_engine("cuda", batch_size), reversed(sessions))
    share = share_of_equal_clicks(on_cuda, again)
    first = max(
        float(np.abs(one.prob - again[key].prob).max())
        for key, one in on_cuda.items()
        if clicks_of(one) == clicks_of(again[key])
    )
    say(
        f"lite0, batches of {batch_size} beside 8: {share:.1%} of the clicks are equal, and where all of a session's "
        f"are, probabilities differ by {first:.1e} at most"
    )
    assert share > 0.8
    assert mean_iou(again) == pytest.approx(mean_iou(on_cuda), abs=0.01)


def test_the_same_run_gives_the_same_bits(sessions: list[Session], on_cuda: Finished) -> None:
    again = run(lite0_engine("cuda"), sessions)
    for key, one in on_cuda.items():
        assert clicks_of(one) == clicks_of(again[key])
        assert np.array_equal(one.prob, again[key].prob)
        assert one.quality == again[key].quality


def test_masks_qualities_and_maps_are_consistent(on_cuda: Finished) -> None:
    """Masks were made on the device, maps are copied from it: after the last batch both are of the same answer."""
    for one in on_cuda.values():
        assert np.array_equal(one.mask, one.prob > np.float32(one.threshold))
        assert one.quality is not None
        assert 0 <= one.quality <= 1


def test_every_kind_of_session_is_clicked_as_on_a_cpu() -> None:
    """Elementwise models: hardly a bit differs, so that masks may be compared."""
    rng = np.random.default_rng(0)
    kinds = create_sessions(9)
    for key in range(100, 108):
        clicks = tuple(
            Click(float(rng.integers(SIZE[0])), float(rng.integers(SIZE[1])), bool(rng.integers(2)))
            for _ in range(5)
        )
        kinds.append(
            Session(
                key,
                create_image(key, *SIZE),
                None,
                LoggedClicks(clicks),
                start=FromMask(start_mask(key)),
                changes="local" if key % 2 else "global",
                excluded=rng.random(SIZE) < 0.2,
            )
        )
    settings = EngineSettings(batch_size=4, zoom_size=64)
    on_cpu, on_cuda = (
        run(Engine(AnalyticClickModel(), settings, device), kinds) for device in ("cpu", "cuda")
    )
    for name, mine in on_cpu.items():
        theirs = on_cuda[name]
        assert clicks_of(mine) == clicks_of(theirs)
        assert np.mean(mine.mask != theirs.mask) < 1e-3
        assert mine.quality == pytest.approx(theirs.quality, abs=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_nothing_waits_for_the_gpu_in_secret(precision: str, sessions: list[Session]) -> None:
    """PyTorch raises where the host waits, but for events: a batch is collected by one."""
    engine = Engine(
        lite0(),
        EngineSettings(batch_size=4, precision=precision),  # type: ignore[arg-type]
        "cuda",
    )
    run(engine, sessions[:6])  # kernels are loaded and chosen
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch calls the mode a prototype
        torch.cuda.set_sync_debug_mode("error")
    try:
        assert len(run(engine, sessions[:6])) == 6
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.usefixtures("whole_gpu")
def test_a_batch_that_does_not_fit_is_halved_and_changes_no_click(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its memory is limited to what a batch of 8 takes and a half more."""
    settings = EngineSettings(batch_size=8, zoom_size=512)
    many = create_sessions(40)
    torch.cuda.reset_peak_memory_stats()
    expected = run(Engine(AnalyticClickModel(), settings, "cuda"), many)
    needed = torch.cuda.max_memory_reserved()
    total = torch.cuda.get_device_properties().total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.5 * needed / total)
    engine = Engine(AnalyticClickModel(), EngineSettings(batch_size=64, zoom_size=512), "cuda")
    with caplog.at_level(logging.WARNING):
        again = run(engine, many)
    assert engine.batch_size < 64
    assert "out of GPU memory" in caplog.text
    assert {key: clicks_of(one) for key, one in again.items()} == {
        key: clicks_of(one) for key, one in expected.items()
    }


def test_auto_finds_a_batch_size(say: Callable[[str], None]) -> None:
    engine = Engine(lite0(), EngineSettings(), "cuda")
    say(f"lite0, --batch-size auto: {engine.batch_size}")
    assert engine.batch_size in {1, 2, 4, 8, 16, 32, 64}


def test_numbers_that_cannot_be_used_end_the_run() -> None:
    class Wrong(RedChannelModel):
        def predict(self, batch: object) -> torch.Tensor:
            return super().predict(batch) / 0  # type: ignore[arg-type]

    with pytest.raises(ClickModelError, match="red gave logits with NaN or infinite values"):
        run(Engine(Wrong(), EngineSettings(batch_size=4), "cuda"), create_sessions(3))

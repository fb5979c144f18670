"""On a GPU the host waits once a batch, when it collects it: shown on a GPU that is made up, see no_waits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from mfp.click_model import CropModel
from mfp.clicks import Click
from mfp.crop_runner import CropRunner
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.models.registry import build_network, config_by_name
from mfp.network import ClickSettings
from mfp.region import Region
from mfp.runner import Request
from mfp.start import FromMask
from tests.mfp.no_waits import CUDA, HiddenWaitError, NoHiddenWaits, made_up_gpu
from tests.mfp.session_factories import TinyNetwork, create_image

IMAGE = create_image(0, 90, 120)
WHOLE, PART = Region(0, 89, 0, 119), Region(10, 49, 20, 99)
CLICKS = (Click(30, 40, True), Click(33.5, 44, False), Click(60, 100, True))

ONE = torch.tensor(1.0)
WAITING: dict[str, Callable[[Tensor], object]] = {
    "a value as a condition": lambda x: bool((x > 0).any()),
    "a value as a number": lambda x: float(x.max()),
    "a list of values": lambda x: x.tolist(),
    "pixels that are not zero": lambda x: x.nonzero(),
    "pixels of a mask": lambda x: x[x > 0],
    "pixels of a mask changed": lambda x: x.masked_scatter_(x > 0, x[x > 0]),
    "a comparison of tensors": lambda x: torch.equal(x, x),
    "a copy to the host": lambda x: x.cpu(),
    "a copy from the host": lambda x: torch.ones(3).to(x.device),
    "a list of the host": lambda x: torch.tensor([1, 2], device=x.device),
    "a number put at pixels": lambda x: x.index_put_(
        (torch.zeros(2, dtype=torch.long, device=x.device),), ONE
    ),
    "a number of the host in a choice": lambda x: torch.where(x > 0, x, ONE),
}


@pytest.mark.parametrize("name", WAITING)
@pytest.mark.parametrize("in_inference_mode", [True, False])
def test_what_waits_is_seen(name: str, in_inference_mode: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests below would show nothing."""
    with made_up_gpu(monkeypatch), torch.inference_mode(in_inference_mode):
        x = torch.rand(4, 5, device=CUDA)
        with NoHiddenWaits(), pytest.raises(HiddenWaitError):
            WAITING[name](x)


def test_what_does_not_wait_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    with made_up_gpu(monkeypatch), torch.inference_mode():
        x = torch.rand(4, 5, device=CUDA)
        with NoHiddenWaits() as waits:
            torch.where(x > 0, 1.0, x).masked_fill(x > 2, 0.0)
            x[:2] = 3.0
            x[torch.arange(2, device=CUDA)] = x[:2]
            torch.ones(3, pin_memory=True).to(CUDA, non_blocking=True)
    assert waits.num_copies == 1


def network(name: str) -> Callable[[], CropModel]:
    return lambda: build_network(config_by_name(name))


MODELS: dict[str, tuple[Callable[[], CropModel], tuple[int, int]]] = {
    "lite0": (network("lite0"), (224, 320)),
    "vit_b": (network("vit_b"), (448, 448)),
    "hrnet18": (network("hrnet18"), (320, 400)),
    "resnet34": (network("resnet34"), (320, 400)),
    "baseline": (
        lambda: TinyNetwork(settings=ClickSettings(threshold=0.49, initial_pass=False, keeps_outside=False)),
        (64, 96),
    ),
    "release": (TinyNetwork, (64, 96)),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_is_launched_without_waiting_whatever_its_sessions_are(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fresh ones and running ones, from a mask, with pixels of others, with local changes."""
    create, size = MODELS[name]
    with made_up_gpu(monkeypatch):
        with torch.device(CUDA):
            model = create()
        runner = CropRunner(
            model, EngineSettings(batch_size=4, flip="off" if name == "baseline" else "on"), "cuda:0"
        )
        excluded = np.zeros((90, 120), np.bool_)
        known = FromMask(np.ones((90, 120), np.bool_))
        one, other, masked = runner.open(IMAGE), runner.open(IMAGE), runner.open(IMAGE, known)
        with NoHiddenWaits() as waits:
            first = runner.launch([Request(one, WHOLE, CLICKS[:1]), Request(masked, PART, CLICKS[:1])], size)
        assert waits.num_copies <= 3, "clicks as disks, clicks as windows, the rows without a map"
        first.collect()
        with NoHiddenWaits() as waits:
            second = runner.launch(
                [
                    Request(one, PART, CLICKS[:2], excluded=excluded),
                    Request(other, WHOLE, CLICKS[:3], 3),
                    Request(masked, PART, CLICKS[:2], is_local=True),
                ],
                size,
            )
        assert waits.num_copies <= 3
        masks = second.collect()
        assert [one.mask.shape for one in masks] == [(40, 80), (90, 120), (40, 80)]
        assert runner.probabilities(one).shape == (90, 120)


def test_the_click_model_without_weights_waits_for_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    with made_up_gpu(monkeypatch):
        runner = CropRunner(AnalyticClickModel(), EngineSettings(batch_size=4), "cuda:0")
        with NoHiddenWaits():
            (masks,) = runner.launch([Request(runner.open(IMAGE), WHOLE, CLICKS)], (64, 64)).collect()
        assert masks.mask.shape == IMAGE.shape[:2]

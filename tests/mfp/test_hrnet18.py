"""HRNet-18 + OCR: recorded logits, the auxiliary ones included, and crops of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mfp.models.hrnet18 import HRNet18, HRNet18Config
from mfp.models.released_keys import HRNET18_RULES
from mfp.network import BASELINE_CLICKS
from tests.golden_networks import RELEASE, golden_pass, load_golden
from tests.mfp.network_factories import create_network, crop_batch, noise

# The recorded networks, their weights being noise, answer with logits of hundreds.
RELATIVE_TOLERANCE = 1e-4
CONFIGS = {
    "hrnet18_ocr": HRNet18Config(clicks=RELEASE),
    "ritm_hrnet18": HRNet18Config(clicks=BASELINE_CLICKS, late_fusion=False),
}


def assert_close(answer: torch.Tensor | None, recorded: np.ndarray) -> None:
    assert answer is not None
    np.testing.assert_allclose(
        answer.numpy(), recorded, rtol=0, atol=RELATIVE_TOLERANCE * float(np.ptp(recorded))
    )


@pytest.mark.parametrize("which", ["next", "first"])
@pytest.mark.parametrize("name", CONFIGS)
def test_logits_are_those_recorded_from_the_released_network(name: str, which: str) -> None:
    golden = golden_pass(name, which)
    network = load_golden(HRNet18(CONFIGS[name]), name, HRNET18_RULES)
    with torch.inference_mode():
        for form in (network, network.for_inference(torch.device("cpu"))):
            logits = form.predict(crop_batch(golden.image, golden.prev, golden.clicks))
            assert_close(logits, golden.logits)


@pytest.mark.parametrize("name", CONFIGS)
def test_auxiliary_logits_are_those_recorded_from_the_released_network(name: str) -> None:
    golden = golden_pass(name, "next")
    network = load_golden(HRNet18(CONFIGS[name]), name, HRNET18_RULES)
    with torch.inference_mode():
        logits, aux = network.forward_training(golden.image, golden.prev, golden.clicks)
    assert golden.aux is not None
    assert_close(logits, golden.logits)
    assert_close(aux, golden.aux)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (75, 100), (33, 130)])
def test_crops_of_any_size_give_logits_of_that_size(height: int, width: int) -> None:
    network = create_network(HRNet18Config(ocr_channels=4)).eval()
    with torch.inference_mode():
        logits = network(noise(1, 3, height, width), noise(1, 4, height, width), noise(1, 5, height, width))
    assert logits.shape == (1, 1, height, width)
    assert torch.isfinite(logits).all()


def test_crops_keep_the_aspect_ratio_of_the_region_to_the_pixel() -> None:
    network = HRNet18(HRNet18Config(ocr_channels=4))
    assert network.crop_size(375, 500, network.zoom_size) == (300, 400)
    assert network.crop_size(333, 200, 600) == (600, 360)

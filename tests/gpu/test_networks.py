"""The recorded networks on a GPU: float32 as on a CPU, and how far other arithmetics go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mfp.crop_runner import AUTOCAST_TYPES
from mfp.engine_settings import Precision
from mfp.models.hrnet18 import HRNet18, HRNet18Config
from mfp.models.released_keys import HRNET18_RULES, RESNET34_RULES, VIT_RULES
from mfp.models.resnet34 import ResNet34, ResNet34Config
from mfp.models.vit import ViT, ViTConfig
from mfp.network import ModulatedNetwork
from mfp.tf32 import allow_tf32
from tests.golden_networks import RELEASE, VIT_TINY, GoldenPass, golden_pass, load_golden
from tests.mfp.network_factories import crop_batch

pytestmark = pytest.mark.gpu

CUDA = torch.device("cuda")
TOLERANCE = 1e-3  # of the range of the recorded logits

NETWORKS: dict[str, Callable[[], ModulatedNetwork]] = {
    "vit_tiny": lambda: load_golden(ViT(VIT_TINY), "vit_tiny", VIT_RULES),
    "vit_base": lambda: load_golden(ViT(ViTConfig(clicks=RELEASE)), "vit_base", VIT_RULES),
    "hrnet18_ocr": lambda: load_golden(HRNet18(HRNet18Config(clicks=RELEASE)), "hrnet18_ocr", HRNET18_RULES),
    "resnet34_deeplab": lambda: load_golden(
        ResNet34(ResNet34Config(clicks=RELEASE)), "resnet34_deeplab", RESNET34_RULES
    ),
}


def error_of(name: str, golden: GoldenPass, precision: Precision) -> float:
    """The largest difference to the recorded logits, as a share of their range."""
    network = NETWORKS[name]().for_inference(CUDA)
    allow_tf32(precision == "tf32")
    batch = crop_batch(golden.image.to(CUDA), golden.prev.to(CUDA), golden.clicks)
    lower = AUTOCAST_TYPES[precision]
    with torch.inference_mode(), torch.autocast("cuda", lower, enabled=lower is not torch.float32):
        logits: NDArray[np.float32] = network.predict(batch).float().cpu().numpy()
    assert np.isfinite(logits).all()
    return float(np.abs(logits - golden.logits).max() / np.ptp(golden.logits))


@pytest.mark.parametrize("which", ["next", "first"])
@pytest.mark.parametrize("name", NETWORKS)
def test_logits_in_float32_are_the_recorded_ones(name: str, which: str, say: Callable[[str], None]) -> None:
    error = error_of(name, golden_pass(name, which), "fp32")
    say(f"{name}, {which} pass, fp32: logits differ by {error:.1e} of their range at most")
    assert error < TOLERANCE


@pytest.mark.parametrize("precision", ["tf32", "bf16", "fp16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_lower_arithmetics_answer_with_finite_logits(
    name: str, precision: Precision, say: Callable[[str], None]
) -> None:
    error = error_of(name, golden_pass(name, "next"), precision)
    say(f"{name}, next pass, {precision}: logits differ by {error:.1e} of their range at most")

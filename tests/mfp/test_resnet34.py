"""ResNet-34 + DeepLabV3+: recorded logits and crops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mfp.errors import ImageSizeError
from mfp.models.released_keys import RESNET34_RULES
from mfp.models.resnet34 import ResNet34, ResNet34Config
from tests.golden_networks import RELEASE, golden_pass, load_golden
from tests.mfp.network_factories import crop_batch


@pytest.mark.parametrize("which", ["next", "first"])
def test_logits_are_those_recorded_from_the_released_network(which: str) -> None:
    golden = golden_pass("resnet34_deeplab", which)
    network = load_golden(ResNet34(ResNet34Config(clicks=RELEASE)), "resnet34_deeplab", RESNET34_RULES)
    for form in (network, network.for_inference(torch.device("cpu"))):
        with torch.inference_mode():
            logits = form.predict(crop_batch(golden.image, golden.prev, golden.clicks))
        np.testing.assert_allclose(logits.numpy(), golden.logits, rtol=0, atol=1e-5)


def test_crops_keep_the_aspect_ratio_of_the_region_to_the_pixel() -> None:
    network = ResNet34(ResNet34Config(decoder_channels=8))
    assert network.crop_size(375, 500, network.zoom_size) == (300, 400)
    assert network.crop_size(333, 200, 600) == (600, 360)
    assert network.crop_size(1000, 999, 400) == (400, 400)
    assert network.crop_size(10, 1000, network.zoom_size) == (32, 400)
    with pytest.raises(ImageSizeError, match=r"crops of 31 pixels: .* at least 32"):
        network.crop_size(100, 100, 31)

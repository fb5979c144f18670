"""The ViT click network: recorded logits, the sizes it takes, and no parameter that a step does not use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mfp.clicks import Click
from mfp.errors import ImageSizeError, ModelError
from mfp.models.released_keys import VIT_RULES
from mfp.models.vit import ViT, ViTConfig
from mfp.models.vit_backbone import from_windows, global_blocks, to_windows
from mfp.network import BASELINE_CLICKS
from tests.golden_networks import RELEASE, VIT_TINY, golden_pass, load_golden
from tests.mfp.network_factories import crop_batch

# Small, and eight blocks, so that every second one attends inside windows.
SMALL = ViTConfig(width=16, depth=8, num_heads=2, pyramid_widths=(4, 4, 8, 8), head_width=8)

GOLDEN_CONFIGS = {
    "vit_tiny": VIT_TINY,
    "vit_base": ViTConfig(clicks=RELEASE),
    "simpleclick_vit_tiny": replace(VIT_TINY, clicks=BASELINE_CLICKS, late_fusion=False),
}


def small_vit() -> ViT:
    torch.manual_seed(0)
    return ViT(SMALL).eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def run_on(model: ViT, height: int, width: int) -> Tensor:
    with torch.inference_mode():
        logits = model(noise(1, 3, height, width), noise(1, 4, height, width), noise(1, 5, height, width))
    assert isinstance(logits, Tensor)
    return logits


@pytest.mark.parametrize("which", ["next", "first"])
@pytest.mark.parametrize("name", GOLDEN_CONFIGS)
def test_logits_are_those_recorded_from_the_released_network(name: str, which: str) -> None:
    model = load_golden(ViT(GOLDEN_CONFIGS[name]), name, VIT_RULES)
    golden = golden_pass(name, which)
    with torch.inference_mode():
        logits = model.predict(crop_batch(golden.image, golden.prev, golden.clicks))
    np.testing.assert_allclose(logits.numpy(), golden.logits, rtol=0, atol=1e-5)


def test_first_result_returns_after_a_run_at_another_size() -> None:
    model = small_vit()
    first = run_on(model, 448, 448)
    larger = run_on(model, 672, 672)
    assert larger.shape == (1, 1, 672, 672)
    assert torch.equal(run_on(model, 448, 448), first)


def test_crops_need_not_be_square() -> None:
    logits = run_on(small_vit(), 224, 448)
    assert logits.shape == (1, 1, 224, 448)
    assert torch.isfinite(logits).all()


def test_gradient_reaches_every_parameter() -> None:
    model = ViT(replace(SMALL, input_size=224)).train()
    clicks = [[Click(50.0, 60.0, True)], [Click(9.0, 9.0, True), Click(200.0, 20.0, False)]]
    logits = model.predict(crop_batch(noise(2, 3, 224, 224), noise(2, 1, 224, 224, seed=1), clicks))
    (logits * noise(2, 1, 224, 224, seed=2)).sum().backward()  # type: ignore[no-untyped-call]
    unused = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("height", "width", "nearest"),
    [(450, 448, "448 or 672"), (448, 464, "448 or 672"), (100, 224, "224"), (640, 640, "448 or 672")],
)
def test_a_size_that_does_not_fit_is_refused_with_the_nearest_that_do(
    height: int, width: int, nearest: str
) -> None:
    with pytest.raises(ImageSizeError) as caught:
        run_on(small_vit(), height, width)
    message = str(caught.value)
    assert message.startswith(f"crop of {height}x{width} pixels")
    assert message.endswith(f": {nearest}")
    assert "\n" not in message


@pytest.mark.parametrize(("side", "nearest"), [(16, "32"), (0, "32"), (250, "240 or 256")])
def test_without_windows_any_multiple_of_a_patch_fits(side: int, nearest: str) -> None:
    model = ViT(VIT_TINY).eval()
    assert run_on(model, 240, 32).shape == (1, 1, 240, 32)
    with pytest.raises(ImageSizeError, match=f": {nearest}$"):
        model.crop_size(100, 100, side)


def test_crops_are_square_at_the_input_size_unless_asked_otherwise() -> None:
    model = small_vit()
    assert model.crop_size(300, 900, model.zoom_size) == (448, 448)
    assert model.crop_size(300, 900, 672) == (672, 672)


def test_tokens_of_a_windowed_block_see_only_their_window() -> None:
    backbone = small_vit().backbone
    backbone.global_blocks = frozenset()
    image, added = noise(1, 3, 448, 448), noise(1, 16, 28, 28)
    changed = image.clone()
    changed[..., :224, :224] = 0.0
    with torch.inference_mode():
        difference = (backbone(image, added) - backbone(changed, added)).abs().sum(dim=(0, 1))
    assert (difference[:14, :14] > 0).all()
    assert (difference[14:] == 0).all()
    assert (difference[:, 14:] == 0).all()


def test_windows_are_undone_exactly_on_any_grid() -> None:
    grid = noise(2, 6, 9, 5)
    tokens = to_windows(grid, 3)
    assert torch.equal(tokens[:, 9:18], grid[:, :3, 3:6].flatten(1, 2))
    assert torch.equal(from_windows(tokens, 6, 9, 3), grid)


@pytest.mark.parametrize(
    ("depth", "expected"), [(4, {0, 1, 2, 3}), (8, {1, 3, 5, 7}), (12, {5, 11}), (24, {5, 11, 17, 23})]
)
def test_global_blocks_end_each_part_of_the_network(depth: int, expected: set[int]) -> None:
    assert global_blocks(depth) == expected


@pytest.mark.parametrize(("depth", "num_heads", "input_size"), [(6, 2, 448), (8, 5, 448), (8, 2, 450)])
def test_a_configuration_that_describes_no_vit_is_refused(
    depth: int, num_heads: int, input_size: int
) -> None:
    with pytest.raises(ModelError, match="mend the configuration"):
        replace(SMALL, depth=depth, num_heads=num_heads, input_size=input_size)

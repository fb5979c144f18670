from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from mfp import modulation
from mfp.clicks import Click
from mfp.modulation import ModulationSettings, Variant, modulate
from tests.golden_pieces import GOLDEN_DIRECTORIES, modulation_cases
from tests.mfp.modulation_reference import reference_modulation

VARIANTS: tuple[Variant, ...] = get_args(Variant)
FLOAT_TYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64]
# Ends, thresholds, their float32 neighbours, the smallest numbers of both float types.
SPECIAL = [0.0, 1.0, 0.5, 0.99, 0.01, 0.9899999, 0.0100001, 1 - 2**-24, 1e-45, 1e-38, 6e-8, 1e-3]


@st.composite
def prob_maps(draw: st.DrawFn, height: int, width: int) -> Tensor:
    """(H, W) float32: noise, ties, flat and nearly flat maps, saturated ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["noise", "ties", "flat", "nearly flat", "saturated", "steep"]))
    noise = rng.random((height, width))
    special = draw(st.sampled_from(SPECIAL))
    if kind == "ties":
        noise = rng.choice([special, 0.25, 0.5], (height, width))
    elif kind == "flat":
        noise = np.full((height, width), special)
    elif kind == "nearly flat":
        noise = np.where(noise < 0.1, noise, special)
    elif kind == "saturated":
        noise = np.round(noise)
    elif kind == "steep":
        noise = 1 / (1 + np.exp(-60 * (noise - 0.5)))
    return torch.from_numpy(noise.astype(np.float32))


@st.composite
def click_sequences(draw: st.DrawFn, height: int, width: int) -> list[Click]:
    """1 to 10 clicks inside the map: anywhere, at its borders, or all around the newest one."""

    def coordinates(size: int) -> st.SearchStrategy[float]:
        # Eighths: their squares are exact in float32, so radii do not depend on the order of a sum.
        edge = st.sampled_from([0.0, size - 1.0, size - 0.125])
        return st.one_of(st.integers(0, 8 * size - 1).map(lambda eighth: eighth / 8), edge)

    newest = Click(draw(coordinates(height)), draw(coordinates(width)), draw(st.booleans()))
    earlier = []
    for _ in range(draw(st.integers(0, 9))):
        y, x = draw(coordinates(height)), draw(coordinates(width))
        if draw(
            st.booleans()
        ):  # within the 10 px that the release treats apart, the newest click itself included
            y = min(max(newest.y + draw(st.integers(-6, 6)), 0), height - 1)
            x = min(max(newest.x + draw(st.integers(-6, 6)), 0), width - 1)
        earlier.append(Click(y, x, draw(st.booleans())))
    return [*earlier, newest]


@st.composite
def all_settings(draw: st.DrawFn) -> ModulationSettings:
    return ModulationSettings(
        variant=draw(st.sampled_from(VARIANTS)),
        num_probability_clicks=draw(st.sampled_from([0, 2, 7])),
        max_radius=draw(st.sampled_from([3.0, 20.5, 100.0])),
    )


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, list[list[Click]]]:
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    num_rows = draw(st.integers(1, 4))
    prob = torch.stack([draw(prob_maps(height, width)) for _ in range(num_rows)])[:, None]
    return prob, [draw(click_sequences(height, width)) for _ in range(num_rows)]


def assert_probabilities(result: Tensor, like: Tensor) -> None:
    assert (result.dtype, result.shape) == (like.dtype, like.shape)
    assert not result.isnan().any()
    assert result.min() >= 0
    assert result.max() <= 1


def modulate_one(prob: Tensor, clicks: Sequence[Click], of: ModulationSettings) -> Tensor:
    """One (H, W) map."""
    return modulate(prob[None, None], [clicks], of)[0, 0]


@pytest.mark.parametrize("directory", GOLDEN_DIRECTORIES)
def test_modulated_maps_equal_the_recorded_ones(directory: Path) -> None:
    cases = modulation_cases(directory)
    for case in cases:
        of = ModulationSettings("release", case.num_probability_clicks, case.max_radius)
        result = modulate_one(torch.from_numpy(case.prob), case.clicks, of)
        np.testing.assert_allclose(
            result.numpy(), case.modulated, rtol=0, atol=1e-6, err_msg=f"case {case.case}"
        )
    assert len(cases) in (12, 40)


@settings(max_examples=150)
@given(batches(), all_settings(), st.sampled_from(FLOAT_TYPES))
def test_any_map_and_any_clicks_inside_it_give_a_map_of_probabilities(
    batch: tuple[Tensor, list[list[Click]]], of: ModulationSettings, dtype: torch.dtype
) -> None:
    prob = batch[0].to(dtype)
    before = prob.clone()
    assert_probabilities(modulate(prob, batch[1], of), prob)
    assert torch.equal(prob, before)


@settings(max_examples=150)
@given(batches(), all_settings())
# the newest click and its mirror image lie exactly on the border of the opposite click's disc
@example(
    (torch.linspace(0.05, 0.95, 8)[None, None, :, None], [[Click(4.5, 0.875, True), Click(7.0, 0.0, False)]]),
    ModulationSettings("release", 0, 3.0),
)
def test_maps_follow_the_formulas_of_the_method(
    batch: tuple[Tensor, list[list[Click]]], of: ModulationSettings
) -> None:
    result = modulate(*batch, of)
    for row, clicks in enumerate(batch[1]):
        expected = reference_modulation(batch[0][row, 0].numpy(), clicks, of)
        np.testing.assert_allclose(result[row, 0].numpy(), expected, rtol=0, atol=1e-6)


@given(batches(), all_settings(), st.sampled_from(FLOAT_TYPES[:3]))
def test_the_few_window_sizes_of_a_gpu_give_the_same_maps(
    batch: tuple[Tensor, list[list[Click]]], of: ModulationSettings, dtype: torch.dtype
) -> None:
    prob, reach = batch[0].to(dtype), modulation._reach
    expected = modulate(prob, batch[1], of)
    chosen = []

    def reach_on_gpu(largest_radius: float, settings: ModulationSettings, device: torch.device) -> int:
        chosen.append(reach(largest_radius, settings, torch.device("cuda")))
        return chosen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modulation, "_reach", reach_on_gpu)
        assert torch.equal(modulate(prob, batch[1], of), expected)
    assert chosen[0] in {math.ceil(of.max_radius) + 1, 2**30 + 1}


@given(batches(), all_settings(), st.sampled_from(FLOAT_TYPES[:3]))
def test_rows_of_a_batch_do_not_affect_each_other(
    batch: tuple[Tensor, list[list[Click]]], of: ModulationSettings, dtype: torch.dtype
) -> None:
    prob, clicks = batch[0].to(dtype), batch[1]
    together = modulate(prob, clicks, of)
    for row, sequence in enumerate(clicks):
        assert torch.equal(together[row], modulate(prob[row : row + 1], [sequence], of)[0])


@given(batches(), all_settings())
def test_a_row_without_clicks_stays_as_it_is_among_rows_that_change(
    batch: tuple[Tensor, list[list[Click]]], of: ModulationSettings
) -> None:
    prob, clicks = batch
    with_empty = modulate(torch.cat((prob, prob[:1])), [*clicks, []], of)
    assert torch.equal(with_empty[:-1], modulate(prob, clicks, of))
    assert torch.equal(with_empty[-1], prob[0])


@given(st.data(), st.booleans())
def test_a_foreground_click_lowers_and_a_background_click_raises_no_probability(
    data: st.DataObject, is_foreground: bool
) -> None:
    prob = data.draw(prob_maps(30, 30)).clamp(0.001, 0.999)
    clicks = data.draw(click_sequences(30, 30))
    newest = Click(clicks[-1].y, clicks[-1].x, is_foreground)
    result = modulate_one(prob, [*clicks[:-1], newest], ModulationSettings())
    change = (result - prob) if is_foreground else (prob - result)
    assert change.min() >= 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("is_foreground", "expected"), [(True, 0.99), (False, 0.01)])
@pytest.mark.parametrize("num_clicks", [1, 9])
def test_the_clicked_pixel_becomes_confident(
    variant: Variant, is_foreground: bool, expected: float, num_clicks: int
) -> None:
    torch.manual_seed(0)
    prob = torch.rand(50, 50) * 0.8 + 0.1
    clicks = [Click(20, 30, is_foreground)] * num_clicks
    result = modulate_one(prob, clicks, ModulationSettings(variant))
    assert result[20, 30] == pytest.approx(expected if variant == "paper" else float(is_foreground), abs=1e-6)


def test_nothing_changes_outside_the_window() -> None:
    torch.manual_seed(0)
    prob = torch.rand(400, 400)
    y, x = torch.meshgrid(torch.arange(400), torch.arange(400), indexing="ij")
    distance = ((y - 200) ** 2 + (x - 200) ** 2).sqrt()
    far, near = Click(200, 0, False), Click(200, 260, False)
    for variant, earlier, radius in [
        ("paper", [], 100),
        ("paper", [far], 100),
        ("paper", [far, near], 30),
        ("release", [], 100),
        ("release", [Click(0, 0, False)], 142),
        ("release", [far, near], 30),
    ]:
        of = ModulationSettings(variant, num_probability_clicks=0)  # type: ignore[arg-type]
        changed = modulate_one(prob, [*earlier, Click(200, 200, True)], of) != prob
        assert changed[distance < radius - 1].float().mean() > 0.95
        assert not changed[distance > radius].any()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("is_foreground", [True, False])
def test_a_surrounded_click_changes_its_own_pixel_only(variant: Variant, is_foreground: bool) -> None:
    prob = torch.full((60, 60), 0.5)
    ring = [Click(30 + dy, 30 + dx, not is_foreground) for dy in range(-9, 10) for dx in range(-9, 10)]
    clicks = [*[click for click in ring if (click.y, click.x) != (30, 30)], Click(30, 30, is_foreground)]
    changed = modulate_one(prob, clicks, ModulationSettings(variant)) != prob
    assert changed.nonzero().tolist() == [[30, 30]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_click_on_an_opposite_click_is_defined(variant: Variant) -> None:
    prob = torch.rand(40, 40, generator=torch.Generator().manual_seed(0))
    clicks = [Click(10, 10, False), Click(10, 10, True)]
    result = modulate_one(prob, clicks, ModulationSettings(variant))
    assert_probabilities(result, prob)
    assert result[10, 10] >= 0.99 - 1e-6


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("is_foreground", [True, False])
def test_a_flat_map_is_defined_as_the_limit_of_the_formula(
    variant: Variant, value: float, is_foreground: bool
) -> None:
    prob = torch.full((300, 300), value)
    result = modulate_one(prob, [Click(150, 150, is_foreground)], ModulationSettings(variant))
    assert_probabilities(result, prob)
    target = 0.99 if is_foreground else 0.01
    if value == 0.3:
        assert result[150, 151] == pytest.approx(target, abs=1e-6)
    elif value == float(is_foreground):  # right already
        assert torch.equal(result, prob)
    else:  # a ramp down, or up, from the click to the rim of the window
        assert result[150, 150] == float(is_foreground)
        assert result[150, 200] == pytest.approx(0.5)
        assert result[150, 250] == pytest.approx(value)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_click_on_a_pixel_that_is_right_already_is_defined(variant: Variant) -> None:
    prob = torch.rand(80, 80, generator=torch.Generator().manual_seed(0))
    prob[40, 40] = 0.999
    result = modulate_one(prob, [Click(40, 40, True)], ModulationSettings(variant))
    assert_probabilities(result, prob)
    result[40, 40] = prob[40, 40]
    torch.testing.assert_close(result, prob, rtol=0, atol=1e-7)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("is_foreground", [True, False])
def test_a_mirrored_click_that_falls_off_the_map_counts_as_on_its_border(
    variant: Variant, is_foreground: bool
) -> None:
    prob = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    off, on = Click(12, -0.77, is_foreground), Click(12, 0, is_foreground)
    of = ModulationSettings(variant)
    assert torch.equal(modulate(prob, [[off]], of), modulate(prob, [[on]], of))
    below, last = Click(39.9, 5, is_foreground), Click(39, 5, is_foreground)
    assert torch.equal(modulate(prob, [[below]], of), modulate(prob, [[last]], of))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_4k_map_with_clicks_in_opposite_corners_is_modulated(variant: Variant) -> None:
    generator = torch.Generator().manual_seed(0)
    prob = torch.rand(1, 1, 2160, 3840, generator=generator).half()
    clicks = [Click(0, 0, False), Click(2159.7, 3839.9, True)]
    result = modulate(prob, [clicks], ModulationSettings(variant))
    assert_probabilities(result, prob)
    assert (result != prob)[..., 2130:, 3810:].any()
    assert not (result != prob)[..., :100, :100].any()

"""Random views: repeatable, of the right shape, with the object in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mfp.training.augment import augmented_view
from mfp.training.augment_settings import IGNORED, AugmentSettings

VIEWS = AugmentSettings(crop_size=(48, 48))


def _picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Red object on blue, a strip of ignored green."""
    image = np.zeros((height, width, 3), np.uint8)
    label = np.zeros((height, width), np.int8)
    label[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 1
    label[-height // 8 :] = IGNORED
    for value, colour in ((1, (200, 0, 0)), (0, (0, 0, 200)), (IGNORED, (0, 200, 0))):
        image[label == value] = colour
    return image, label


@settings(deadline=None, max_examples=40)
@given(height=st.integers(24, 140), width=st.integers(24, 140), seed=st.integers(0, 2**31 - 1))
def test_image_and_label_move_together(height: int, width: int, seed: int) -> None:
    view = augmented_view(*_picture(height, width), VIEWS, seed)
    assert view is not None
    image, label = view
    assert (image.shape, image.dtype) == ((3, 48, 48), torch.uint8)
    assert (label.shape, label.dtype) == ((1, 48, 48), torch.int8)
    assert set(np.unique(label.numpy())) <= {-1, 0, 1}
    assert int((label == 1).sum()) >= VIEWS.smallest_object
    red = image[0].float() > image[1:].float().amax(0) + 60
    agree = red == (label[0] == 1)
    # Edges blur where an image is resized, labels do not.
    assert float(agree.float().mean()) > 0.8


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31 - 1), side=st.integers(24, 60))
def test_a_view_of_the_same_size_is_the_image_mirrored_or_turned_to_the_pixel(seed: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (side, side, 3), np.uint8)
    label = rng.integers(-1, 2, (side, side), np.int8)
    still = AugmentSettings(
        crop_size=(side, side),
        zoom_probability=0,
        resize=(1.0, 1.0),
        turn_probability=0.8,
        geometry_probability=0,
        colour_probability=0,
    )
    view = augmented_view(image, label, still, seed)
    assert view is not None
    forms = [
        (np.rot90(one, turns), np.rot90(its_label, turns))
        for one, its_label in ((image, label), (image[:, ::-1], label[:, ::-1]))
        for turns in range(4)
    ]
    matching = [
        np.array_equal(view[0].permute(1, 2, 0).numpy(), one)
        and np.array_equal(view[1][0].numpy(), its_label)
        for one, its_label in forms
    ]
    assert any(matching)


def test_colours_stay_near_their_own_and_the_label_does_not_change() -> None:
    rng = np.random.default_rng(0)
    image, label = _picture(48, 48)
    image = np.maximum(image, rng.integers(0, 60, image.shape, np.uint8))
    coloured = AugmentSettings(
        crop_size=(48, 48), zoom_probability=0, resize=(1.0, 1.0), turn_probability=0, geometry_probability=0
    )
    means = []
    for seed in range(60):
        view = augmented_view(image, label, coloured, seed)
        still = augmented_view(image, label, replace(coloured, colour_probability=0), seed)
        assert view is not None
        assert still is not None
        assert torch.equal(view[1], still[1])
        means.append(float(view[0].float().mean()) / float(still[0].float().mean()))
    assert 0.6 < min(means) < 0.9
    assert 1.1 < max(means) < 1.6


def test_a_much_smaller_view_averages_the_pixels_that_it_stands_for() -> None:
    """A checkerboard of single pixels becomes grey, and no pattern."""
    rows, cols = np.indices((400, 400))
    image = np.repeat(np.asarray((rows + cols) % 2 * 255, np.uint8)[..., None], 3, axis=2)
    label = np.ones((400, 400), np.int8)
    small = AugmentSettings(
        crop_size=(64, 64),
        zoom_probability=0,
        resize=(0.2, 0.2),
        turn_probability=0,
        geometry_probability=0,
        colour_probability=0,
    )
    view = augmented_view(image, label, small, 0)
    assert view is not None
    assert abs(float(view[0].float().mean()) - 127.5) < 2
    assert float(view[0].float().std()) < 10


def test_the_same_seed_gives_the_same_view_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (augmented_view(*_picture(90, 120), VIEWS, seed) for seed in (1, 1, 2))
    assert first is not None
    assert second is not None
    assert other is not None
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], other[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_an_object_too_small_for_any_view_gives_none() -> None:
    image, label = _picture(60, 60)
    label[:] = 0
    label[30, 30] = 1
    assert augmented_view(image, label, VIEWS, 0) is None


def test_padding_is_ignored_in_the_label() -> None:
    image, label = _picture(24, 24)
    view = augmented_view(
        image, label, AugmentSettings(crop_size=(128, 128), zoom_probability=0, resize=(1.0, 1.0)), 3
    )
    assert view is not None
    assert int((view[1][0, 40:, 40:] != IGNORED).sum()) == 0


@settings(deadline=None, max_examples=40)
@given(
    top=st.integers(0, 60),
    left=st.integers(0, 100),
    height=st.integers(10, 60),
    width=st.integers(10, 60),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_zoomed_view_holds_the_whole_object_at_the_size_the_margin_says(
    top: int, left: int, height: int, width: int, seed: int
) -> None:
    image, label = np.zeros((120, 160, 3), np.uint8), np.zeros((120, 160), np.int8)
    label[top : top + height, left : left + width] = 1
    still = AugmentSettings(
        crop_size=(96, 96),
        zoom_probability=1,
        zoom_margin=(1.5, 1.5),
        smallest_frame=20,
        turn_probability=0,
        geometry_probability=0,
        colour_probability=0,
    )
    view = augmented_view(image, label, still, seed)
    assert view is not None
    scale = 96 / max(still.smallest_frame, 1.5 * max(height, width))
    rows, columns = (view[1][0] == 1).nonzero().T
    assert abs(int(rows.max() - rows.min()) + 1 - height * scale) <= 0.02 * height * scale + 2
    assert abs(int(columns.max() - columns.min()) + 1 - width * scale) <= 0.02 * width * scale + 2
    assert int((view[1] == 1).sum()) == len(rows.unique()) * len(columns.unique())

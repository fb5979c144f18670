"""The clicks of training: random where the simulated user of evaluation is exact."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mfp.clicks import Click
from mfp.distance import object_distance

FIRST_CLICK_DEPTH = 1 / 1.7  # of the largest depth: candidates of a first click lie deeper
NEXT_CLICK_DEPTH = 1 / 2
PREDICTION_THRESHOLD = 0.49
_EROSIONS = 3
_EROSION_PROBABILITY = 0.9
_FEWEST_ERODED_PIXELS = 10


def first_click_candidates(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels where a first click may fall: deeper than the largest depth / 1.7. (H, W) bool -> (H, W) bool."""
    depth = object_distance(mask)
    deep: NDArray[np.bool_] = depth > depth.max(initial=0.0) * FIRST_CLICK_DEPTH
    return deep & mask


def first_click(mask: NDArray[np.bool_], rng: np.random.Generator) -> Click:
    """One foreground click well inside the object, in nine of ten cases inside its eroded shape.

    Args:
        mask: (H, W) bool, the object; must hold at least one pixel, else ValueError.
        rng: the source of the draw.
    """
    if rng.random() < _EROSION_PROBABILITY:
        eroded = cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8), iterations=_EROSIONS).view(
            np.bool_
        )
        if eroded.sum() > _FEWEST_ERODED_PIXELS:
            mask = eroded
    return _uniform(first_click_candidates(mask), True, rng)


def random_clicks(label: NDArray[np.int8], number: int, rng: np.random.Generator) -> list[Click]:
    """Clicks that know of no prediction: foreground or background by a fair coin, then uniform among its pixels.

    Args:
        label: (H, W) int8, 1 object, 0 background, -1 ignored; where no pixel is background all clicks are foreground.
        number: of clicks.
        rng: the source of the draws.
    """
    is_object, is_background = label == 1, label == 0
    clicks = []
    for _ in range(number):
        is_foreground = bool(rng.random() < 0.5) or not is_background.any()
        clicks.append(_uniform(is_object if is_foreground else is_background, is_foreground, rng))
    return clicks


def next_training_click(
    prob: NDArray[np.float32], label: NDArray[np.int8], rng: np.random.Generator
) -> Click | None:
    """A click in the larger of the two errors, uniform among the pixels deeper than half its largest depth.

    Args:
        prob: (H, W) float32 in [0, 1], compared with 0.49.
        label: (H, W) int8, 1 object, 0 background, -1 ignored.
        rng: the source of the draw.

    Returns:
        The click; None if the prediction has no error.
    """
    predicted = prob > PREDICTION_THRESHOLD
    missed = object_distance((label == 1) & ~predicted)
    surplus = object_distance((label == 0) & predicted)
    is_foreground = bool(missed.max() > surplus.max())
    depth = missed if is_foreground else surplus
    if depth.max() == 0:
        return None
    return _uniform(depth > depth.max() * NEXT_CLICK_DEPTH, is_foreground, rng)


def _uniform(candidates: NDArray[np.bool_], is_foreground: bool, rng: np.random.Generator) -> Click:
    flat = np.flatnonzero(candidates)
    y, x = divmod(int(flat[rng.integers(len(flat))]), candidates.shape[1])
    return Click(float(y), float(x), is_foreground)

"""How far a mean over objects would move if other images had been drawn: percentile bootstrap over images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95
NUM_RESAMPLES = 9999
_FEWEST_IMAGES = 2
_DRAWS_AT_ONCE = 2_000_000  # what bounds the memory, some 50 MB, however many images there are


class Interval(NamedTuple):
    """Bounds of a mean, in its own unit."""

    low: float
    high: float


def mean_interval(
    values: NDArray[np.float64], image_idx: NDArray[np.int64], seed: int = 0
) -> Interval | None:
    """The 95 % interval of the mean of `values`, images drawn with replacement.

    Objects of an image share its difficulty, so they are drawn together: drawn one by one they would make the
    interval too narrow. For the difference of two models pass the differences by object: what an object adds to
    both cancels out.

    Args:
        values: (num_objects,), such as NoC.
        image_idx: (num_objects,) integers, equal for objects of one image.
        seed: of the draws; the same seed and data give the same interval.

    Returns:
        None if there are fewer than two images.
    """
    images, of_image = np.unique(image_idx, return_inverse=True)
    if len(images) < _FEWEST_IMAGES:
        return None
    sums = np.bincount(of_image, values)
    counts = np.bincount(of_image).astype(np.float64)
    result = stats.bootstrap(
        (sums, counts),
        _ratio_of_sums,
        paired=True,
        vectorized=True,
        confidence_level=LEVEL,
        n_resamples=NUM_RESAMPLES,
        batch=max(1, _DRAWS_AT_ONCE // len(images)),
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return Interval(float(result.confidence_interval.low), float(result.confidence_interval.high))


def _ratio_of_sums(sums: NDArray[np.float64], counts: NDArray[np.float64], axis: int) -> Any:
    return sums.sum(axis) / counts.sum(axis)

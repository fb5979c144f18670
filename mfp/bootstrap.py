"""How far a mean over objects would move if other images had been drawn: percentile bootstrap over images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
FEWEST_TRUSTED_IMAGES = 20
"""Over fewer images an interval misses the mean more than twice as often as its level says (docs/comparison.md): what a
bootstrap draws from lacks images of a kind that is rare."""
NUM_RESAMPLES = 9999
_FEWEST_IMAGES = 2
_MOST_DRAWN_IMAGES = 5_000
_NORMAL_QUANTILE = 1.959964  # of LEVEL, both sides
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
    return next(iter(mean_intervals([values], image_idx, seed)), None)


def mean_intervals(
    columns: Iterable[NDArray[np.float64]], image_idx: NDArray[np.int64], seed: int = 0
) -> tuple[Interval, ...]:
    """As `mean_interval` for several values of the same objects, such as the IoU after each click.

    Every column is judged by the same draws, each by itself: the intervals are pointwise. Above 5,000 images, when
    drawing takes long and the mean is as good as normal, they are those of the ratio estimator's standard error
    (Cochran, Sampling Techniques, 3rd ed. 1977, eq. 6.13).

    Returns:
        One for each column; none if there are fewer than two images.
    """
    images, of_image = np.unique(image_idx, return_inverse=True)
    if len(images) < _FEWEST_IMAGES:
        return ()
    counts = np.bincount(of_image).astype(np.float64)
    of_images = [np.bincount(of_image, column).astype(np.float64) for column in columns]
    sums: NDArray[np.float64] = np.stack(of_images, axis=1)  # (num_images, num_columns)
    if len(images) > _MOST_DRAWN_IMAGES:
        bounds = _normal_bounds(sums, counts)
    else:
        tail = (1 - LEVEL) / 2
        bounds = np.quantile(_drawn_means(sums, counts, seed), [tail, 1 - tail], axis=0)
    return tuple(Interval(float(low), float(high)) for low, high in bounds.T)


def _drawn_means(sums: NDArray[np.float64], counts: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """(NUM_RESAMPLES, num_columns): the means over as many images as there are, drawn with replacement."""
    rng, num_images = np.random.default_rng(seed), len(counts)
    at_once = max(1, _DRAWS_AT_ONCE // num_images)
    means = []
    for first in range(0, NUM_RESAMPLES, at_once):
        num_rows = min(at_once, NUM_RESAMPLES - first)
        drawn = rng.integers(0, num_images, (num_rows, num_images))
        drawn += np.arange(num_rows)[:, None] * num_images
        times = np.bincount(drawn.ravel(), minlength=num_rows * num_images).reshape(num_rows, num_images)
        means.append((times @ sums) / (times @ counts)[:, None])
    return np.concatenate(means)


def _normal_bounds(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, num_columns): the mean less and plus so many standard errors."""
    means = sums.sum(axis=0) / counts.sum()
    deviations = sums - counts[:, None] * means
    errors = np.sqrt((deviations**2).sum(axis=0) * len(counts) / (len(counts) - 1)) / counts.sum()
    return np.stack([means - _NORMAL_QUANTILE * errors, means + _NORMAL_QUANTILE * errors])

"""Measures how often the 95 % intervals of `mfp.bootstrap` hold the mean, by the number of images.

Two made-up populations of one object to an image: NoC as models have it, most objects early and some never, and the
difference in NoC of two models, 0 for most objects and 0.4 in the mean.

    python -m tests.mfp.measure_intervals
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mfp.bootstrap import mean_interval

_SIZE = 100_000


def populations() -> Mapping[str, NDArray[np.float64]]:
    """By name, the values of many objects."""
    rng = np.random.default_rng(0)
    nocs = np.minimum(rng.geometric(0.3, _SIZE), 20).astype(np.float64)
    differences = np.where(rng.random(_SIZE) < 0.6, 0.0, rng.normal(1, 3, _SIZE).round())
    return {"NoC": nocs, "difference": differences}


def misses(population: NDArray[np.float64], num_images: int, num_tries: int) -> tuple[float, float]:
    """Share of the intervals of so many images that do not hold the mean, and of those that lie below it."""
    rng, mean = np.random.default_rng(num_images), population.mean()
    low, high = np.transpose(
        [
            mean_interval(rng.choice(population, num_images), np.arange(num_images)) or (mean, mean)
            for _ in range(num_tries)
        ]
    )
    return float(np.mean((mean < low) | (mean > high))), float(np.mean(mean > high))


def main() -> None:
    """Print a line for each population and number of images."""
    for name, population in populations().items():
        for num_images in (5, 10, 20, 50, 100):
            outside, below = misses(population, num_images, num_tries=500)
            sys.stdout.write(f"{name}, {num_images} images: {outside:.1%} miss, {below:.1%} lie below\n")


if __name__ == "__main__":
    main()

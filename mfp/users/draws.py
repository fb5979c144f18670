"""Random numbers that belong to what they are drawn for, so that they depend on no worker and no order.

Only `random()` and `standard_normal()` of a Generator are used. NumPy promises the raw stream of PCG64 and not what a
Generator makes of it: these two take their values straight from that stream, while `integers` and `choice` have changed
between versions. A test holds the first numbers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def keyed_draw(purpose: str, *key: str | int) -> np.random.Generator:
    """The random numbers of one purpose and key; other purposes and other keys have others."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (purpose, *map(str, key)):
        # names of files may hold bytes that are no text, which Python keeps as lone surrogates
        content = part.encode("utf-8", "surrogatepass")
        # the length in front tells ("ab", "c") from ("a", "bc")
        digest.update(len(content).to_bytes(8, "little") + content)
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest.digest(), "little")))


@dataclass(frozen=True)
class ClickSeed:
    """What the clicks on an object are drawn from.

    Attributes:
        run_seed: of the run; another one makes other clicks.
        sample_key: of the image.
        object_id: of the object on it.
    """

    run_seed: int
    sample_key: str
    object_id: str

    def draw(self, click_idx: int) -> np.random.Generator:
        """The random numbers of one click on the object, by its index, which counts from 0."""
        return keyed_draw("click", self.run_seed, self.sample_key, self.object_id, click_idx)


def drawn_idx(draw: np.random.Generator, num: int) -> int:
    """One of 0..num-1, each as likely as the next; `num` is at least 1."""
    # random() is at most 1 - 2**-53, and its product with a whole number is rounded to less than that number
    return int(draw.random() * num)


def weighted_idx(draw: np.random.Generator, weights: NDArray[np.float32]) -> int:
    """An index into (N,) weights, which are more than 0; twice the weight is twice as likely."""
    sums = np.cumsum(weights, dtype=np.float64)
    return int(np.searchsorted(sums, draw.random() * sums[-1], side="right"))

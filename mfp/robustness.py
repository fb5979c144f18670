"""How many clicks a model needs if people click elsewhere than the protocol's user does.

The question, and "worse by", are those of RClicks (NeurIPS 2024). The spread there is over ranked click positions; here
it is over the draws of each object, so that the two do not compare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TENTH = 10


@dataclass(frozen=True)
class Robustness:
    """NoC over drawn clicks beside the protocol's, over the same objects.

    Attributes:
        num_objects: that the means are over.
        protocol: mean NoC of the protocol's clicks.
        drawn: mean NoC of drawn clicks, over draws and objects.
        worse: drawn / protocol - 1.
        spread: NoC of the worst tenth of each object's draws over that of its best tenth, less 1; both are means over
            the objects, and a tenth is one draw at least.
    """

    num_objects: int
    protocol: float
    drawn: float
    worse: float
    spread: float


def robustness(protocol: NDArray[np.float64], drawn: NDArray[np.float64]) -> Robustness:
    """Compare the NoC of objects.

    Args:
        protocol: (num_objects,) NoC with the protocol's clicks; at least one object, and a mean above 0.
        drawn: (num_draws, num_objects) NoC of the same objects with drawn clicks.
    """
    tenth = math.ceil(len(drawn) / _TENTH)
    ranked = np.sort(drawn, axis=0)
    best, worst = float(ranked[:tenth].mean()), float(ranked[-tenth:].mean())
    return Robustness(
        num_objects=len(protocol),
        protocol=float(protocol.mean()),
        drawn=float(drawn.mean()),
        worse=float(drawn.mean() / protocol.mean() - 1),
        spread=worst / best - 1 if best else math.inf,
    )

"""What is to be killed, and when: drawn from a seed, so that a schedule can be had again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Target(StrEnum):
    """What a fault kills, with SIGKILL. WORKER is the process of one Ray actor, NODE all processes of a Ray node."""

    WORKER = "worker"
    NODE = "node"
    DRIVER = "driver"
    S3_SERVER = "S3 server"


@dataclass(frozen=True)
class PlannedFault:
    """A kill `gap` seconds after the one before; `down` seconds later what was killed is started again.

    `draw` in [0, 1) chooses among several targets. Workers are started again by Ray, when it sees fit.
    """

    gap: float
    target: Target
    down: float
    draw: float


GAP_SECONDS = (8.0, 30.0)  # long enough that something is committed between most faults
DOWN_SECONDS = (0.0, 5.0)


def planned_faults(seed: int) -> Iterator[PlannedFault]:
    """Yield faults for ever; four by four they are one of each kind, in an order drawn anew."""
    rng = random.Random(seed)
    while True:
        for target in rng.sample(list(Target), len(Target)):
            yield PlannedFault(rng.uniform(*GAP_SECONDS), target, rng.uniform(*DOWN_SECONDS), rng.random())

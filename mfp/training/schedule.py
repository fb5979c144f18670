"""The learning rate over the steps of a run."""

from __future__ import annotations

import math

WARM_UP_STEPS = 100
FINAL_FACTOR = 0.01


def cosine_factor(step: int, num_steps: int) -> float:
    """Factor on the base learning rate at a step (from 0): a linear warm-up, then half a cosine down to 0.01."""
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    progress = min(1.0, step / max(1, num_steps))
    return warm_up * (FINAL_FACTOR + (1.0 - FINAL_FACTOR) * 0.5 * (1.0 + math.cos(math.pi * progress)))

"""The learning rate over the steps of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

ScheduleName: TypeAlias = Literal["cosine", "step", "stable"]


@dataclass(frozen=True)
class Schedule:
    """Factor on the base learning rates, from a linear warm-up on.

    Attributes:
        name: `cosine` falls along half a cosine to `final_factor` at the last step; `step` is multiplied by
            `step_factor` at each of `step_at`; `stable` stays, and falls in a straight line to `final_factor`
            over the last `decay_steps`: such a run can be made longer again and again, and be brought to its end once.
        num_steps: of the whole run.
        warm_up_steps: the factor grows to 1 over so many steps.
        final_factor: at the end of `cosine` and of a decay.
        step_at: steps (from 0) of `step`.
        step_factor: of `step`.
        decay_steps: of `stable`; 0 means that it never falls.
    """

    name: ScheduleName
    num_steps: int
    warm_up_steps: int = 100
    final_factor: float = 0.01
    step_at: tuple[int, ...] = ()
    step_factor: float = 0.1
    decay_steps: int = 0

    def factor(self, step: int) -> float:
        """The factor at a step, counted from 0."""
        warm_up = min(1.0, (step + 1) / max(1, self.warm_up_steps))
        return warm_up * self._after_warm_up(step)

    def _after_warm_up(self, step: int) -> float:
        if self.name == "cosine":
            return self._between(0.5 * (1.0 + math.cos(math.pi * min(1.0, step / max(1, self.num_steps)))))
        if self.name == "step":
            return float(self.step_factor ** sum(step >= at for at in self.step_at))
        if self.decay_steps == 0:
            return 1.0
        return self._between(min(1.0, max(0.0, (self.num_steps - step) / self.decay_steps)))

    def _between(self, weight: float) -> float:
        return self.final_factor + (1.0 - self.final_factor) * weight

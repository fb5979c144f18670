"""Which objects got better or worse from one run to another."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from infra.json_text import JsonValue
from pipelines.jobs.run_objects import object_of

_MOST_IN_JSON = 100


@dataclass(frozen=True)
class ObjectChange:
    """One object and its figure in the first run and in a later one."""

    sample_key: str
    object_id: str
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class ObjectChanges:
    """How the objects of a run differ from those of the first run.

    Attributes:
        figure: what is compared, one of `comparison.FIGURES`.
        is_cost: whether a larger value is worse, as of NoC.
        names: (num_objects,) as `RunObjects.names`.
        before, after: (num_objects,) float64, the figure in the first run and in this one.
    """

    figure: str
    is_cost: bool
    names: NDArray[np.object_]
    before: NDArray[np.float64]
    after: NDArray[np.float64]

    @property
    def losses(self) -> NDArray[np.float64]:
        """(num_objects,): how much worse each object got; below 0 if it got better."""
        change = self.after - self.before
        return change if self.is_cost else -change

    @property
    def num_worse(self) -> int:
        """Objects that got worse."""
        return int(np.count_nonzero(self.losses > 0))

    @property
    def num_better(self) -> int:
        """Objects that got better."""
        return int(np.count_nonzero(self.losses < 0))

    def worst(self, most: int) -> tuple[ObjectChange, ...]:
        """The objects that got most worse, the worst first, so many at most; equal ones in the order of their names."""
        losses = self.losses
        order = np.lexsort((self.names.astype(str), -losses))
        return tuple(
            ObjectChange(*object_of(self.names[at]), float(self.before[at]), float(self.after[at]))
            for at in order[:most]
            if losses[at] > 0
        )

    def to_json(self) -> dict[str, JsonValue]:
        """For programs: the counts, and up to a hundred objects that got worse."""
        return {
            "figure": self.figure,
            "worse": self.num_worse,
            "better": self.num_better,
            "worst": [asdict(change) for change in self.worst(_MOST_IN_JSON)],
        }

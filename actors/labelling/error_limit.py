"""When a run has set too much aside to go on."""

from __future__ import annotations

from dataclasses import dataclass

from actors.labelling.gathered_rows import LabelCounts

_ENOUGH_TO_JUDGE = 1000


@dataclass(frozen=True)
class ErrorLimit:
    """`max_fraction` of samples and objects may be quarantined, in [0, 1].

    `num_expected` is how many objects and quarantined records the whole run will have, None if no one has counted.
    A run ends early once the share is exceeded whatever the rest turns out to be; so neither the order of the shards
    nor a bad patch at the beginning decides.
    """

    max_fraction: float
    num_expected: int | None

    def is_exceeded(self, counts: LabelCounts, *, is_complete: bool) -> bool:
        """Whether `counts`, those of the whole run so far, are too bad to go on."""
        num_seen = counts.objects + counts.quarantined
        num_total = num_seen if is_complete else max(num_seen, self.num_expected or _ENOUGH_TO_JUDGE)
        return counts.quarantined > self.max_fraction * num_total

"""What a certificate promises of a set of masks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import Interval
from typing_extensions import Doc

_ROUNDING: Final = 1e-9  # (1 - 0.9) * 10 is 0.9999999999999998


@dataclass(frozen=True)
class Promise:
    """With this confidence, at least this share of the masks of a set has at least this IoU with the truth."""

    min_iou: Annotated[float, Interval(gt=0, le=1), Doc("A mask with at least this IoU is good.")] = 0.85
    share: Annotated[
        float, Interval(gt=0, lt=1), Doc("At least this share of the certified masks is good.")
    ] = 0.95
    confidence: Annotated[
        float, Interval(gt=0, lt=1), Doc("How sure that is to be, before the audit is drawn.")
    ] = 0.95

    def most_bad(self, num_masks: int) -> int:
        """How many masks of a set may be bad: never all of them, however small the share is."""
        return min(math.floor((1 - self.share) * num_masks + _ROUNDING), num_masks - 1)

"""A simulated user that is content with less than the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray
from typing_extensions import Doc

from mfp.clicks import Click
from mfp.metrics import iou
from mfp.stop_reason import StopReason
from mfp.users.protocol_user import next_click
from mfp.users.simulated_user import SimulatedUser, UserClick


@dataclass(frozen=True, kw_only=True)
class LazyUser(SimulatedUser):
    """Makes the protocol's clicks, at least one, and stops as soon as the mask is good enough."""

    kind: ClassVar[str] = "lazy"
    is_random: ClassVar[bool] = False

    iou: Annotated[float, Interval(ge=0, le=1), Doc("The IoU at which it stops.")]

    def next_click(
        self,
        truth: NDArray[np.int8],
        mask: NDArray[np.bool_],
        clicks: Sequence[Click],
        draw: np.random.Generator,
    ) -> UserClick | StopReason:
        """See SimulatedUser."""
        reached = iou(mask, truth) if clicks else None
        if reached is not None and reached >= self.iou:
            return StopReason.SATISFIED
        click = next_click(truth, mask, clicks)
        return click if isinstance(click, StopReason) else UserClick(click)

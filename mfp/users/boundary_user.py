"""A simulated user that clicks near the boundary of the largest error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval, Unit
from numpy.typing import NDArray
from typing_extensions import Doc

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.draws import drawn_idx
from mfp.users.largest_error import largest_error
from mfp.users.simulated_user import SimulatedUser, UserClick


@dataclass(frozen=True, kw_only=True)
class BoundaryUser(SimulatedUser):
    """Clicks a pixel of the largest error that is hardly inside it, each as likely as the next.

    If all of those were clicked before, it clicks one of the shallowest that are left.
    """

    kind: ClassVar[str] = "boundary"
    is_random: ClassVar[bool] = True

    pixels: Annotated[
        float,
        Interval(ge=1, le=10_000),
        Unit("pixels"),
        Doc("How deep inside the error a click may lie; a pixel beside a right one has depth 1."),
    ] = 3.0

    def next_click(
        self,
        truth: NDArray[np.int8],
        mask: NDArray[np.bool_],
        clicks: Sequence[Click],
        draw: np.random.Generator,
    ) -> UserClick | StopReason:
        """See SimulatedUser."""
        error = largest_error(truth, mask, clicks)
        if isinstance(error, StopReason):
            return error
        near = np.flatnonzero(error.depths <= max(self.pixels, float(error.depths.min())))
        return UserClick(error.click(int(near[drawn_idx(draw, len(near))])))

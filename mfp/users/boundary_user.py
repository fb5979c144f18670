"""A simulated user that clicks near the boundary of the largest error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval, Unit
from typing_extensions import Doc

from mfp.users.draws import drawn_idx
from mfp.users.largest_error import LargestError
from mfp.users.largest_error_user import LargestErrorUser


@dataclass(frozen=True, kw_only=True)
class BoundaryUser(LargestErrorUser):
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

    def chosen(self, error: LargestError, draw: np.random.Generator) -> int:
        """See LargestErrorUser."""
        near = np.flatnonzero(error.depths <= max(self.pixels, float(error.depths.min())))
        return int(near[drawn_idx(draw, len(near))])

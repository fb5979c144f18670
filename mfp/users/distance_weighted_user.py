"""A simulated user that clicks in the largest error, rather inside than at its rim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.draws import weighted_idx
from mfp.users.largest_error import largest_error
from mfp.users.simulated_user import SimulatedUser, UserClick


@dataclass(frozen=True, kw_only=True)
class DistanceWeightedUser(SimulatedUser):
    """Clicks a pixel of the largest error; one that lies twice as deep is twice as likely."""

    kind: ClassVar[str] = "distance-weighted"
    is_random: ClassVar[bool] = True

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
        return UserClick(error.click(weighted_idx(draw, error.depths)))

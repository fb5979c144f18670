"""A simulated user that clicks anywhere in the largest error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.draws import drawn_idx
from mfp.users.largest_error import largest_error
from mfp.users.simulated_user import SimulatedUser, UserClick


@dataclass(frozen=True, kw_only=True)
class UniformUser(SimulatedUser):
    """Clicks any pixel of the largest error, each as likely as the next."""

    kind: ClassVar[str] = "uniform"
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
        return UserClick(error.click(drawn_idx(draw, len(error.depths))))

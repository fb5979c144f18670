"""What users have in common that click somewhere in the largest error."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.largest_error import LargestError, largest_error
from mfp.users.simulated_user import SimulatedUser, UserClick


class LargestErrorUser(SimulatedUser, Protocol):
    """Clicks a pixel of the largest error, and says which side it is on; a kind says which pixel."""

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
        return UserClick(error.click(self.chosen(error, draw)))

    @abstractmethod
    def chosen(self, error: LargestError, draw: np.random.Generator) -> int:
        """The number of the pixel of the error, counted from 0, that is clicked."""

"""A simulated user that clicks in the largest error, rather inside than at its rim."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mfp.users.draws import weighted_idx
from mfp.users.largest_error import LargestError
from mfp.users.largest_error_user import LargestErrorUser


@dataclass(frozen=True, kw_only=True)
class DistanceWeightedUser(LargestErrorUser):
    """Clicks a pixel of the largest error; one that lies twice as deep is twice as likely."""

    kind: ClassVar[str] = "distance-weighted"
    is_random: ClassVar[bool] = True

    def chosen(self, error: LargestError, draw: np.random.Generator) -> int:
        """See LargestErrorUser."""
        return weighted_idx(draw, error.depths)

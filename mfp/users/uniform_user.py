"""A simulated user that clicks anywhere in the largest error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mfp.users.draws import drawn_idx
from mfp.users.largest_error import LargestError
from mfp.users.largest_error_user import LargestErrorUser


@dataclass(frozen=True, kw_only=True)
class UniformUser(LargestErrorUser):
    """Clicks any pixel of the largest error, each as likely as the next."""

    kind: ClassVar[str] = "uniform"
    is_random: ClassVar[bool] = True

    def chosen(self, error: LargestError, draw: np.random.Generator) -> int:
        """See LargestErrorUser."""
        return drawn_idx(draw, len(error.depths))

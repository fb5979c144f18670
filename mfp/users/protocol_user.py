"""The simulated user of the evaluation protocol: it clicks the middle of the largest error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.largest_error import deepest_pixel
from mfp.users.simulated_user import SimulatedUser, UserClick


def next_click(
    truth: NDArray[np.int8], mask: NDArray[np.bool_], clicks: Sequence[Click]
) -> Click | StopReason:
    """Where the user of the protocol clicks next.

    The deepest pixel of the missed object (a foreground click) or of the surplus (a background click),
    whichever lies deeper; the surplus on a tie, and the first pixel in row-major order among equals. A pixel
    under an earlier click counts as depth 0.

    Args:
        truth: (H, W) int8, 1 object, 0 background, -1 ignored.
        mask: (H, W) bool, the current prediction.
        clicks: the session's clicks so far, (y, x) in image pixels.

    Returns:
        The click, at whole coordinates in image pixels. PERFECT if no pixel is wrong, and ERRORS_CLICKED if every
        wrong pixel was clicked.

    Source: the evaluation protocol of RITM and its successors; the end of a perfect session is ours.
    """
    deepest = deepest_pixel(truth, mask, clicks)
    return deepest if isinstance(deepest, StopReason) else deepest.click


@dataclass(frozen=True, kw_only=True)
class ProtocolUser(SimulatedUser):
    """Clicks the deepest pixel of the largest error: the user that published figures are about."""

    kind: ClassVar[str] = "protocol"
    is_random: ClassVar[bool] = False

    def next_click(
        self,
        truth: NDArray[np.int8],
        mask: NDArray[np.bool_],
        clicks: Sequence[Click],
        draw: np.random.Generator,
    ) -> UserClick | StopReason:
        """See SimulatedUser."""
        click = next_click(truth, mask, clicks)
        return click if isinstance(click, StopReason) else UserClick(click)

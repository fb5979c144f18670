"""A simulated user who now and then presses the wrong button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray
from typing_extensions import Doc

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.protocol_user import next_click
from mfp.users.simulated_user import SimulatedUser, UserClick


@dataclass(frozen=True, kw_only=True)
class WrongLabelUser(SimulatedUser):
    """Makes the protocol's click, sometimes with the wrong label: background on the object, or object beside it.

    The protocol clicks no pixel twice, so that a wrong label is never taken back.
    """

    kind: ClassVar[str] = "wrong-label"
    is_random: ClassVar[bool] = True

    p: Annotated[float, Interval(ge=0, le=1), Doc("Probability that a click has the wrong label.")]

    def next_click(
        self,
        truth: NDArray[np.int8],
        mask: NDArray[np.bool_],
        clicks: Sequence[Click],
        draw: np.random.Generator,
    ) -> UserClick | StopReason:
        """See SimulatedUser."""
        click = next_click(truth, mask, clicks)
        if isinstance(click, StopReason):
            return click
        is_wrong = draw.random() < self.p
        return UserClick(Click(click.y, click.x, click.is_foreground != is_wrong))

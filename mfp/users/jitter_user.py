"""A simulated user whose hand is not steady."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval, Unit
from numpy.typing import NDArray
from typing_extensions import Doc

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.protocol_user import next_click
from mfp.users.simulated_user import SimulatedUser, UserClick


@dataclass(frozen=True, kw_only=True)
class JitterUser(SimulatedUser):
    """Aims at the protocol's click, hits a pixel near it, and says what is right of the pixel aimed at.

    The distance is gaussian in each direction. As another pixel may be clicked than the one aimed at, errors are
    never used up: a session with a model that does not follow ends by its limits.
    """

    kind: ClassVar[str] = "jitter"
    is_random: ClassVar[bool] = True

    pixels: Annotated[
        float, Interval(ge=0, le=10_000), Unit("pixels"), Doc("Standard deviation in each direction.")
    ] = 0.0
    share: Annotated[
        float,
        Interval(ge=0, le=10),
        Unit("share"),
        Doc("The same as a share of the object's size, which is the square root of its area."),
    ] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.pixels > 0) == (self.share > 0):
            raise ValueError(
                f"pixels {self.pixels:g} and share {self.share:g}: exactly one must be more than 0"
            )

    def next_click(
        self,
        truth: NDArray[np.int8],
        mask: NDArray[np.bool_],
        clicks: Sequence[Click],
        draw: np.random.Generator,
    ) -> UserClick | StopReason:
        """See SimulatedUser."""
        aim = next_click(truth, mask, clicks)
        if isinstance(aim, StopReason):
            return aim
        deviation = self.pixels + self.share * math.sqrt(np.count_nonzero(truth == 1))
        y = round(aim.y + deviation * draw.standard_normal())
        x = round(aim.x + deviation * draw.standard_normal())
        height, width = truth.shape
        inside_y, inside_x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
        click = Click(float(inside_y), float(inside_x), aim.is_foreground)
        return UserClick(click, is_clamped=(y, x) != (inside_y, inside_x))

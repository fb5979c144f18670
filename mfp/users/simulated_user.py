"""What a simulated user is, and the click it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.options import options_of, options_text


@dataclass(frozen=True)
class UserClick:
    """A click of a simulated user.

    Attributes:
        click: at whole coordinates, in image pixels, inside the image.
        is_clamped: the user missed the image, and this is the pixel of the image nearest to where it clicked.
    """

    click: Click
    is_clamped: bool = False


class SimulatedUser(Protocol):
    """Who clicks on what is wrong. A kind of user is a frozen dataclass that names this class as its base.

    Its fields are its options (`mfp.users.options`); ValueError if one is out of its bounds. A user keeps nothing from
    one click to the next.
    """

    kind: ClassVar[str]
    """Its name in the registry."""
    is_random: ClassVar[bool]
    """Whether other draws give other clicks."""

    def __post_init__(self) -> None:
        for option in options_of(type(self)):
            option.check(getattr(self, option.name))

    @cached_property
    def name(self) -> str:
        """The user in words that `mfp.users.registry.parse` understands; equal users have equal names."""
        text = options_text(self)
        return f"{self.kind}?{text}" if text else self.kind

    def next_click(
        self,
        truth: NDArray[np.int8],
        mask: NDArray[np.bool_],
        clicks: Sequence[Click],
        draw: np.random.Generator,
    ) -> UserClick | StopReason:
        """The click that follows `clicks` on seeing the mask they made, or why there is none.

        Args:
            truth: (H, W) int8, 1 object, 0 background, -1 ignored.
            mask: (H, W) bool, the current prediction.
            clicks: the session's clicks so far, (y, x) in image pixels.
            draw: the random numbers of this click alone (`mfp.users.draws`).
        """

"""A click: where a person pointed, and whether it belongs to the object."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mfp.errors import ClickError


@dataclass(frozen=True, slots=True)
class Click:
    """One click. The clicks of a session are a sequence in the order they were made.

    Attributes:
        y, x: pixels of the image or crop it was made on, row first; may be fractional. Finite, else
            ClickError.
        is_foreground: True if the object should grow, False if it should shrink.
    """

    y: float
    x: float
    is_foreground: bool

    def __post_init__(self) -> None:
        if not (math.isfinite(self.y) and math.isfinite(self.x)):
            raise ClickError(
                f"click at ({self.y}, {self.x}): coordinates must be finite numbers; drop or mend it"
            )

    @property
    def pixel(self) -> tuple[int, int]:
        """(row, column) of the pixel the click falls on: both coordinates rounded down."""
        return math.floor(self.y), math.floor(self.x)

    def mirrored(self, width: int) -> Click:
        """The same click on the image flipped left to right, `width` pixels wide."""
        return Click(self.y, width - self.x - 1, self.is_foreground)

"""Where a session starts: from nothing, from a mask that somebody has already, or from a box around the object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mfp.errors import StartError
from mfp.region import Region

LOCAL_CONFIDENCE: Final = 0.95
"""The confidence in a given mask if changes are local: measured in docs/starts.md."""
GLOBAL_CONFIDENCE: Final = 1.0
"""The confidence in a given mask if changes are global: measured in docs/starts.md."""
INSIDE_BOX: Final = 0.5
"""The probability of the object inside a given box: measured in docs/starts.md."""
OUTSIDE_BOX: Final = 0.05
"""The probability of the object outside of it, chosen with it."""
StartKind: TypeAlias = Literal["nothing", "mask", "box"]


@dataclass(frozen=True)
class FromNothing:
    """Nothing is known of the object before its first click."""

    kind: ClassVar[StartKind] = "nothing"


@dataclass(frozen=True, eq=False)
class FromMask:
    """The session's first mask is `mask`, (H, W) bool, and the first click corrects it.

    `confidence`, above 0.5, is the probability of the object inside it; outside that is 1 less the confidence.
    """

    kind: ClassVar[StartKind] = "mask"

    mask: npt.NDArray[np.bool_]
    confidence: float = LOCAL_CONFIDENCE

    def probabilities(self, height: int, width: int) -> npt.NDArray[np.float32]:
        """(height, width) float32: what the mask says of each pixel of the image."""
        assert self.mask.shape == (height, width), "checked when the session was made"
        return np.where(self.mask, np.float32(self.confidence), np.float32(1 - self.confidence))


@dataclass(frozen=True)
class FromBox:
    """The object lies in `box`, about. The network looks there first, and there is no mask yet."""

    kind: ClassVar[StartKind] = "box"

    box: Region

    def probabilities(self, height: int, width: int) -> npt.NDArray[np.float32]:
        """(height, width) float32: what the box says of each pixel of the image. No pixel is above 0.5: no mask."""
        prob = np.full((height, width), OUTSIDE_BOX, np.float32)
        self.box.window(prob)[:] = INSIDE_BOX
        return prob


Start: TypeAlias = FromNothing | FromMask | FromBox
FROM_NOTHING: Final = FromNothing()


def box_in_image(x: float, y: float, w: float, h: float, height: int, width: int) -> Region:
    """The pixels of an image that a box touches.

    Args:
        x, y, w, h: left, top, width and height of the box in image pixels, fractions allowed.
        height, width: of the image in pixels.

    Raises:
        StartError: the box lies outside the image.
    """
    top, left = max(0, int(np.floor(y))), max(0, int(np.floor(x)))
    bottom, right = min(height, int(np.ceil(y + h))) - 1, min(width, int(np.ceil(x + w))) - 1
    if top > bottom or left > right:
        raise StartError(
            f"box at x {x:g}, y {y:g} of {w:g} x {h:g} pixels lies outside the image of {height} x {width} pixels; "
            "give boxes in pixels of the image: left, top, width, height"
        )
    return Region(top, bottom, left, right)

"""The size at which an image is worked on: its own, or a half, a quarter or an eighth of it where it is very large.

Tables hold image pixels, sessions pixels of the working size; here is how one becomes the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from mfp.clicks import Click

WORKING_PIXELS = 2**24
"""Images of more pixels are reduced, unless a run is told another limit."""

_REDUCTIONS = (1, 2, 4, 8)  # those that a JPEG decoder makes without the whole image


@dataclass(frozen=True)
class WorkingSize:
    """An image of (height, width) pixels and the side, in image pixels, of the block that becomes a working pixel."""

    height: int
    width: int
    reduction: int

    @classmethod
    def of(cls, height: int, width: int, working_pixels: int) -> WorkingSize:
        """The smallest reduction that leaves no more than `working_pixels`, or else the largest there is."""
        for reduction in _REDUCTIONS:
            size = cls(height, width, reduction)
            if size.num_pixels <= working_pixels:
                break
        return size

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in working pixels; blocks at the border of the image may be cut off by it."""
        return -(-self.height // self.reduction), -(-self.width // self.reduction)

    @property
    def num_pixels(self) -> int:
        """Working pixels."""
        height, width = self.shape
        return height * width

    def to_working(self, click: Click) -> Click:
        """A click in image pixels on the working image: it counts for the block that it lies in."""
        if self.reduction == 1:
            return click
        y, x = (float(place // self.reduction) for place in click.pixel)
        return Click(y, x, click.is_foreground)

    def to_image(self, click: Click) -> Click:
        """A click on the working image in image pixels: in the middle of its block, so that `to_working` undoes it."""
        if self.reduction == 1:
            return click
        y, x = (place * self.reduction + self.reduction // 2 for place in click.pixel)
        return Click(float(min(y, self.height - 1)), float(min(x, self.width - 1)), click.is_foreground)

    def rows_in_image(self, first: int, last: int) -> tuple[int, int]:
        """Working rows, both ends inclusive, in image pixels."""
        return first * self.reduction, min((last + 1) * self.reduction, self.height) - 1

    def columns_in_image(self, first: int, last: int) -> tuple[int, int]:
        """Working columns, both ends inclusive, in image pixels."""
        return first * self.reduction, min((last + 1) * self.reduction, self.width) - 1

    def area_in_image(self, area: int) -> int:
        """About how many image pixels so many working pixels stand for; exact where nothing is reduced."""
        return min(area * self.reduction**2, self.height * self.width)

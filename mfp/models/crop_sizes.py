"""The size of a crop for networks that keep the aspect ratio of a region."""

from __future__ import annotations

from mfp.errors import ImageSizeError

SMALLEST_SIDE = 32


def longest_side_crop(height: int, width: int, longest: int, multiple: int = 1) -> tuple[int, int]:
    """The longer side becomes `longest`, the other keeps the aspect ratio; both rounded to a multiple.

    No side is shorter than 32 pixels, or than `multiple` if that is more: a very long and narrow region is
    stretched.

    Args:
        height, width: of the region, in image pixels.
        longest: of the crop's sides, in pixels.
        multiple: in pixels.

    Raises:
        ImageSizeError: `longest` is below the smallest side.
    """
    smallest = max(SMALLEST_SIDE, multiple)
    if longest < smallest:
        raise ImageSizeError(f"crops of {longest} pixels: the longer side must have at least {smallest}")
    scale = longest / max(height, width)
    sides = (max(smallest, round(length * scale / multiple) * multiple) for length in (height, width))
    return next(sides), next(sides)

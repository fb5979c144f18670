"""Which pixel values of a mask are object, as a person says it: `--object-values 255`, `1,3`, `128-255`, `#ff0000`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.errors import LayoutError

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_COLOUR = re.compile(r"#([0-9a-fA-F]{6})")
_ALPHA, _TRANSPARENT = "alpha", "transparent"


@dataclass(frozen=True)
class ObjectValues:
    """The values that are object, everything else being background; without any, the values themselves decide.

    ranges: grey values or palette indices, (first, last), both included.
    colours: (red, green, blue), 0 to 255.
    alpha: what is opaque is object, whatever its colour.
    transparent: what is transparent is object, whatever its colour.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    alpha: bool = False
    transparent: bool = False

    @classmethod
    def parse(cls, text: str) -> ObjectValues:
        """Read `255`, `1,3`, `128-255`, `#ff0000,#00ff00`, `alpha` or `transparent`.

        Raises:
            LayoutError: it is none of these.

        """
        ranges: list[tuple[int, int]] = []
        colours: list[tuple[int, int, int]] = []
        words = [word.strip() for word in text.split(",")]
        if words[0].lower() in {_ALPHA, _TRANSPARENT} and len(words) == 1:
            return cls(alpha=words[0].lower() == _ALPHA, transparent=words[0].lower() == _TRANSPARENT)
        for word in words:
            number, colour = _RANGE.fullmatch(word), _COLOUR.fullmatch(word)
            if number:
                first, last = int(number[1]), int(number[2] or number[1])
                if first > last:
                    raise LayoutError(
                        f"object values are {text!r}: the range {word} runs backwards, write {last}-{first}"
                    )
                ranges.append((first, last))
            elif colour:
                red, green, blue = bytes.fromhex(colour[1])
                colours.append((red, green, blue))
            else:
                raise LayoutError(
                    f"object values are {text!r}: expected grey values or palette indices (255 or 1,3 or 128-255), "
                    f"colours (#ff0000), {_ALPHA} or {_TRANSPARENT}"
                )
        return cls(tuple(ranges), tuple(colours))

    @property
    def are_given(self) -> bool:
        """Whether a person said which values are object."""
        return bool(self.ranges or self.colours or self.by_transparency)

    @property
    def by_transparency(self) -> bool:
        """Whether transparency tells what is object."""
        return self.alpha or self.transparent

    def names(self, value: int) -> bool:
        """Tell whether a grey value is among the ranges, or that grey among the colours."""
        return (value, value, value) in self.colours or any(
            first <= value <= last for first, last in self.ranges
        )

    def of_values(self, values: npt.NDArray[np.integer[Any] | np.floating[Any]]) -> npt.NDArray[np.bool_]:
        """Return (H, W) bool: which of the (H, W) values are object."""
        found = np.zeros(values.shape, np.bool_)
        for first, last in self.ranges:
            found |= (values >= first) & (values <= last)
        return found

    def of_colours(self, colours: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Return (H, W) bool: which of the (H, W, 3) colours, of 8 or 16 bits, are object."""
        found = np.zeros(colours.shape[:2], np.bool_)
        for colour in self.colours:
            found |= is_colour(colours, colour)
        return found

    def __str__(self) -> str:
        """Write what `parse` reads."""
        ranges = [str(first) if first == last else f"{first}-{last}" for first, last in self.ranges]
        by_transparency = [_ALPHA] * self.alpha + [_TRANSPARENT] * self.transparent
        return ",".join([*ranges, *(hex_of(colour) for colour in self.colours), *by_transparency])


def is_colour(colours: npt.NDArray[Any], colour: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Return (H, W) bool: which of the (H, W, 3) colours are this one of 8 bits; of 16 bits, white is 65535."""
    scale = 257 if colours.dtype.itemsize > 1 and colours.max(initial=0) > 255 else 1
    return np.asarray((colours == np.asarray(colour, np.int64) * scale).all(axis=2))


def hex_of(colour: Sequence[int]) -> str:
    """Write a colour of 8 bits as `#rrggbb`."""
    return "#" + bytes(int(channel) for channel in colour).hex()

"""Which pixel values of a mask are object, as a person says it: `--object-values 255`, `1,3`, `128-255`, `#ff0000`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.errors import LayoutError

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_COLOUR = re.compile(r"#([0-9a-fA-F]{6})")
_ALPHA = "alpha"


@dataclass(frozen=True)
class ObjectValues:
    """The values that are object, everything else being background; without any, the values themselves decide.

    ranges: grey values or palette indices, (first, last), both included.
    colours: (red, green, blue), 0 to 255.
    alpha: what is opaque is object, whatever its colour.
    """

    ranges: tuple[tuple[int, int], ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    alpha: bool = False

    @classmethod
    def parse(cls, text: str) -> ObjectValues:
        """Read `255`, `1,3`, `128-255`, `#ff0000,#00ff00` or `alpha`.

        Raises:
            LayoutError: it is none of these.

        """
        ranges: list[tuple[int, int]] = []
        colours: list[tuple[int, int, int]] = []
        words = [word.strip() for word in text.split(",")]
        for word in words:
            number, colour = _RANGE.fullmatch(word), _COLOUR.fullmatch(word)
            if number:
                ranges.append((int(number[1]), int(number[2] or number[1])))
            elif colour:
                red, green, blue = bytes.fromhex(colour[1])
                colours.append((red, green, blue))
            elif word.lower() != _ALPHA or len(words) > 1:
                raise LayoutError(
                    f"object values are {text!r}: expected grey values or palette indices (255 or 1,3 or 128-255), "
                    f"colours (#ff0000), or {_ALPHA}"
                )
        return cls(tuple(ranges), tuple(colours), alpha=not ranges and not colours)

    @property
    def are_given(self) -> bool:
        """Whether a person said which values are object."""
        return bool(self.ranges or self.colours or self.alpha)

    def of_values(self, values: npt.NDArray[np.integer[Any] | np.floating[Any]]) -> npt.NDArray[np.bool_]:
        """Return (H, W) bool: which of the (H, W) values are object."""
        found = np.zeros(values.shape, np.bool_)
        for first, last in self.ranges:
            found |= (values >= first) & (values <= last)
        return found

    def of_colours(self, colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """Return (H, W) bool: which of the (H, W, 3) colours are object."""
        found = np.zeros(colours.shape[:2], np.bool_)
        for colour in self.colours:
            found |= (colours == np.asarray(colour, np.uint8)).all(axis=2)
        return found

    def __str__(self) -> str:
        """Write what `parse` reads."""
        ranges = [str(first) if first == last else f"{first}-{last}" for first, last in self.ranges]
        colours = ["#" + bytes(colour).hex() for colour in self.colours]
        return ",".join([*ranges, *colours, *([_ALPHA] if self.alpha else [])])

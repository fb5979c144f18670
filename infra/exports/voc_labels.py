"""Classes of PASCAL VOC: their numbers, their colours, and `labelmap.txt`, which tells them to CVAT and datumaro."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from infra.errors import ExportError
from infra.exports.categories import Categories

MAX_INDEX = 254
"""The largest index of a class or an object in a palette PNG; 0 is background, 255 is not looked at."""
BACKGROUND = "background"
_NO_NAME = re.compile(r"[:\x00-\x1f\x7f-\x9f\u2028\u2029]|^[#\s]|\s$")


def _palette() -> bytes:
    """256 times (red, green, blue): the bits of an index, three at a time, from the highest of each colour down.

    The colour map of VOC's development kit (VOCcode/VOClabelcolormap.m).
    """
    index = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for place in range(8):
        bits = index[:, None] >> (3 * place + np.arange(3)) & 1
        colours |= (bits << (7 - place)).astype(np.uint8)
    return colours.tobytes()


PALETTE = _palette()


class VocLabels:
    """Numbers of classes, from 1 on."""

    def __init__(self) -> None:
        self._categories = Categories(first=1)

    def number_of(self, name: str, key: str) -> int:
        """The number of the class of an object of sample `key`. ExportError if the format has no room for it."""
        if name == BACKGROUND or _NO_NAME.search(name):
            raise ExportError(
                f"sample {key!r} has the class {name!r}, which labelmap.txt of voc cannot hold (no `{BACKGROUND}`, no "
                "colon or line break, no # or space at its ends): rename it, or export as coco"
            )
        number = self._categories.number_of(name)
        if number > MAX_INDEX:
            raise ExportError(
                f"sample {key!r} brings class number {number}, {name!r}, and voc has room for {MAX_INDEX} classes: "
                "export as coco or png"
            )
        return number

    def document(self) -> bytes:
        """The lines `name:red,green,blue:parts:actions` of `labelmap.txt`."""
        names = [BACKGROUND, *self._categories.names.values()]
        colours = np.frombuffer(PALETTE, np.uint8).reshape(256, 3)
        lines = [
            f"{name}:{','.join(map(str, colour.tolist()))}::\n"
            for name, colour in zip(names, colours, strict=False)
        ]
        return "".join(["# label:color_rgb:parts:actions\n", *lines]).encode()


def names_of(document: bytes) -> Sequence[str]:
    """The names in a `labelmap.txt`, by number."""
    lines = document.decode("utf-8", "replace").split("\n")
    return [line.split(":")[0] for line in lines if line and not line.startswith("#")]

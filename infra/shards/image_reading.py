"""How image files are understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Unit
from typing_extensions import Doc

Orientation: TypeAlias = Literal["upright", "stored"]


@dataclass(frozen=True)
class ImageReading:
    """How image files are understood."""

    orientation: Annotated[
        Orientation,
        Doc(
            "Pixels that masks and clicks are made on: turned upright by EXIF, as viewers, browsers and annotation "
            "tools do, or as stored."
        ),
    ] = "upright"
    white: Annotated[
        Annotated[int, Ge(1)] | None,
        Unit("value"),
        Doc(
            "Value that is white in images of more than 8 bits: 4095 for 12-bit scans. Without it the largest that "
            "their depth holds, told by the file (PGM) or by its values (a largest of 3,000 means 12 bits, so 4,095)."
        ),
    ] = None

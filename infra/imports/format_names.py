"""The formats that corrected labels come in."""

from __future__ import annotations

from typing import Literal, TypeAlias

ImportFormatName: TypeAlias = Literal["label-studio", "cvat", "coco"]

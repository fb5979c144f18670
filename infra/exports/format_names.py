"""What a person may ask for: the formats, and the ways of writing masks."""

from __future__ import annotations

from typing import Literal, TypeAlias

FormatName: TypeAlias = Literal[
    "coco", "lvis", "yolo-seg", "label-studio", "cvat", "voc", "png", "fiftyone", "datasets"
]
Shape: TypeAlias = Literal["rle", "polygons"]

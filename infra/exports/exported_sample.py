"""What a format is given to write: an image with the masks of its objects, as a run made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from infra.json_text import JsonValue
from infra.runs.tables import BoundingBox

NO_CATEGORY: Final = "object"
"""The class of an object of which no class is known."""


@dataclass(frozen=True)
class ExportedObject:
    """The mask of one object.

    Attributes:
        object_id: its id in the sample.
        category: the name of its class.
        rle: COCO compressed counts of the (height, width) mask of the sample.
        bbox, area: of the mask, in pixels.
        figures: columns of the run that travel with the mask where a format has room, such as iou and num_clicks; a
            value that is not known is left out.
    """

    object_id: str
    category: str
    rle: bytes
    bbox: BoundingBox
    area: int
    figures: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportedSample:
    """An image of (height, width) upright pixels and its objects, in the order in which they are written.

    Attributes:
        key: of the sample.
        file_name: of its image, a path below the folder of images; see `file_name.py`.
        image_bytes: the encoded image; empty if the export goes without images.
        objects: of the run; none if the image shows none.
        is_partial: the image shows objects, by run or data set, that are left out.
    """

    key: str
    file_name: str
    height: int
    width: int
    image_bytes: bytes
    objects: tuple[ExportedObject, ...]
    is_partial: bool = False

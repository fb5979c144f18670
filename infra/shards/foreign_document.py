"""The JSON that other programs put beside one image, with its masks as COCO annotations.

SA-1B, the data set of Segment Anything (github.com/facebookresearch/segment-anything, "Dataset"), has

    {"image": {"image_id": 1, "width": 640, "height": 480, "file_name": "sa_1.jpg"},
     "annotations": [{"id": 7, "segmentation": {"size": [480, 640], "counts": "..."}, "bbox": [...], "area": 5,
                      "predicted_iou": 0.9, "stability_score": 0.9, "crop_box": [...], "point_coords": [[...]]}]}

COCO's `images` with a single entry in the place of `image` means the same, so does the list of annotations alone, as
Segment Anything's mask generator returns it; annotations without an id are called 1, 2, ... by their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from infra.errors import Reason, SampleError
from infra.json_text import JsonValue
from infra.shards.object_id import CROWD, id_of, is_crowd
from infra.shards.raw_sample import AnyMask, RawMask, RawObject, RawSample, UnreadableMask, size_of
from infra.shards.shard_note import OnNote, ShardNote

_NOT_ATTRIBUTES = {"id", "segmentation"}
_NUMBERED = "annotations without an id, which are called 1, 2, ... by their place"
_OTHER_NAME = "JSON whose file_name is not the name of the image beside it: taken as the image's own"
_POLYGONS = "the segmentation is polygons, not run lengths: unpack the shard and run mfp shard --layout coco"


def is_list_of_masks(document: Any) -> bool:
    """Tell whether a JSON is a list of annotations with masks and nothing else."""
    return (
        isinstance(document, list)
        and bool(document)
        and all(isinstance(entry, dict) and "segmentation" in entry for entry in document)
    )


def has_annotations(document: dict[str, Any]) -> bool:
    """Tell whether a JSON object has COCO annotations, and no objects as `mfp shard` writes them."""
    annotations = document.get("annotations")
    return (
        "objects" not in document
        and isinstance(annotations, list)
        and all(isinstance(entry, dict) for entry in annotations)
    )


def described_sample(key: str, document: dict[str, Any], image_bytes: bytes, on_note: OnNote) -> RawSample:
    """Take the annotations of one image as its objects; what else an annotation says becomes attributes.

    Raises:
        SampleError: the document is about several images, or gives a size that is none.

    """
    image = _image(document)
    has_size = "height" in image or "width" in image
    name = image.get("file_name")
    if isinstance(name, str) and name and not _is_name_of(name, key):
        on_note(ShardNote(_OTHER_NAME, key))
    return RawSample(
        key=key,
        image_bytes=image_bytes,
        objects=list(_objects(key, document["annotations"], on_note)),
        size=size_of([image.get("height"), image.get("width")]) if has_size else None,
    )


def _image(document: dict[str, Any]) -> dict[str, Any]:
    images = document.get("images")
    if isinstance(images, list):
        if len(images) != 1:
            raise SampleError(
                Reason.BAD_METADATA,
                f"the JSON is about {len(images)} images: unpack the shard and run mfp shard --layout coco",
            )
        (image,) = images
    else:
        image = document.get("image", document)
    return image if isinstance(image, dict) else {}


def _is_name_of(name: str, key: str) -> bool:
    base = PurePosixPath(name.replace("\\", "/")).name
    return base == PurePosixPath(key).name or PurePosixPath(base).stem == PurePosixPath(key).name


def _objects(key: str, annotations: list[dict[str, Any]], on_note: OnNote) -> Iterator[RawObject]:
    for place, annotation in enumerate(annotations, 1):
        if is_crowd(annotation):
            on_note(ShardNote(CROWD, key))
            continue
        object_id = id_of(annotation.get("id"))
        if not object_id:
            object_id = str(place)
            on_note(ShardNote(_NUMBERED, key))
        attributes: dict[str, JsonValue] = {
            name: value for name, value in annotation.items() if name not in _NOT_ATTRIBUTES
        }
        yield RawObject(object_id, _mask(annotation.get("segmentation")), attributes)


def _mask(segmentation: Any) -> AnyMask:
    if isinstance(segmentation, list):
        return UnreadableMask(_POLYGONS)
    if not isinstance(segmentation, dict) or not isinstance(segmentation.get("counts"), str | list):
        return UnreadableMask("the annotation has no segmentation {size, counts}")
    try:
        return RawMask.of_json(segmentation)
    except SampleError as error:
        return UnreadableMask(error.detail)

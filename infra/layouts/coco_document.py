"""An annotation file of COCO or LVIS in memory, by image."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from infra.errors import LayoutError, Reason
from infra.shards.sample import QuarantinedSample


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One object; `segmentation` is what stood in the file (rings of polygons as arrays), unchecked."""

    annotation_id: str
    segmentation: object
    category: str | None
    is_crowd: bool


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An image entry; `paths` are where it may lie, below a folder of images, as relative paths.

    height, width: pixels as the file says, None where it does not.
    """

    key: str
    paths: tuple[str, ...]
    height: int | None
    width: int | None
    annotations: tuple[CocoAnnotation, ...]


@dataclass(frozen=True, slots=True)
class CocoDocument:
    """The images by key (several where names collide), and the entries that say too little to be used."""

    images: Mapping[str, list[CocoImage]]
    broken: tuple[QuarantinedSample, ...]


def parse_document(data: bytes, url: str) -> CocoDocument:
    """Parse an annotation file; `data` comes from `url`, which errors name.

    All annotations are held at once, since COCO does not order them by image: with polygons about 2.5 times the
    file's size, 4 times while it is parsed.

    Raises:
        LayoutError: it is no JSON, or none with `images` and `annotations`.

    """
    try:
        content = json.loads(data, object_hook=_compact_rings)
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"{url} is no JSON ({error})") from None
    if not isinstance(content, dict) or not all(
        isinstance(content.get(name), list) for name in ("images", "annotations")
    ):
        raise LayoutError(f"{url} is no instances file of COCO: it has no lists `images` and `annotations`")
    broken: list[QuarantinedSample] = []
    annotations = _annotations_of_images(content, broken)
    images: dict[str, list[CocoImage]] = {}
    for index, entry in enumerate(content["images"]):
        image = _image(entry, annotations)
        if image is None:
            detail = "an image entry needs an id, and a relative path as file_name or a coco_url"
            broken.append(QuarantinedSample(f"images[{index}]", Reason.BAD_METADATA, detail))
        else:
            images.setdefault(image.key, []).append(image)
    broken += _without_image(annotations)
    return CocoDocument(dict(sorted(images.items())), tuple(broken))


def _compact_rings(entry: dict[str, Any]) -> dict[str, Any]:
    # Python's lists of floats take five times the text; what is no ring of numbers is left for later checks
    rings = entry.get("segmentation")
    if isinstance(rings, list):
        with suppress(TypeError, OverflowError):
            entry["segmentation"] = [array("d", ring) for ring in rings]
    return entry


def _annotations_of_images(
    content: Mapping[str, Any], broken: list[QuarantinedSample]
) -> dict[str, list[CocoAnnotation]]:
    listed = content.get("categories")
    categories = {
        _identity(entry.get("id")): entry.get("name")
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict)
    }
    of_image: dict[str, list[CocoAnnotation]] = {}
    for index, entry in enumerate(content["annotations"]):
        annotation_id = _identity(entry.get("id")) if isinstance(entry, dict) else None
        image_id = _identity(entry.get("image_id")) if isinstance(entry, dict) else None
        if annotation_id is None or image_id is None:
            detail = "an annotation needs an id and an image_id"
            broken.append(QuarantinedSample(f"annotations[{index}]", Reason.BAD_METADATA, detail))
            continue
        category = categories.get(_identity(entry.get("category_id")))
        of_image.setdefault(image_id, []).append(
            CocoAnnotation(
                annotation_id=annotation_id,
                segmentation=entry.get("segmentation"),
                category=category if isinstance(category, str) else None,
                is_crowd=bool(entry.get("iscrowd")),
            )
        )
    return of_image


def _image(entry: object, annotations: dict[str, list[CocoAnnotation]]) -> CocoImage | None:
    """Make an image of an entry and take its annotations out of the mapping."""
    if not isinstance(entry, dict):
        return None
    image_id = _identity(entry.get("id"))
    # LVIS 1.0 has the URL only; its path, `train2017/000000391895.jpg`, is that of COCO's folders
    try:
        url_path = urlsplit(str(entry.get("coco_url") or "")).path.lstrip("/")
    except ValueError:  # a host in brackets that are not closed
        return None
    file_name = str(entry.get("file_name") or "") or url_path.rpartition("/")[2]
    # a path that could leave the source, or name nothing in it, is no path
    paths = tuple(path for path in dict.fromkeys((file_name, url_path)) if _is_below(path))
    if image_id is None or file_name not in paths:
        return None
    return CocoImage(
        key=file_name.removesuffix(PurePosixPath(file_name).suffix),
        paths=paths,
        height=_side(entry.get("height")),
        width=_side(entry.get("width")),
        annotations=tuple(annotations.pop(image_id, [])),
    )


def _without_image(annotations: Mapping[str, list[CocoAnnotation]]) -> Iterator[QuarantinedSample]:
    for image_id, left_over in annotations.items():
        for annotation in left_over:
            yield QuarantinedSample(
                key=f"image_id {image_id}",
                reason=Reason.BAD_METADATA,
                detail=f"`images` has no id {image_id}",
                object_id=annotation.annotation_id,
            )


def _is_below(path: str) -> bool:
    return not any(part in {"", ".", ".."} for part in path.split("/"))


def _identity(value: object) -> str | None:
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else None


def _side(value: object) -> int | None:
    return value if isinstance(value, int) else None

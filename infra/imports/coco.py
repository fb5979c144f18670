"""COCO instances: masks as polygons or as runs, compressed or not.

Programs give images and annotations new ids and may drop what they do not know. CVAT keeps `object_id` among the
`attributes` of an annotation, and calls every mask a crowd.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from infra.errors import LabelImportError
from infra.imports.import_format import ImportFormat
from infra.imports.json_stream import read_lists
from infra.imports.known_images import KnownImage
from infra.imports.label_source import LabelSource
from infra.imports.labelled_image import LabelledImage, LabelledShape
from infra.imports.polygon_mask import empty, mask_of_segmentation
from infra.imports.values import object_in, shown, side_in, text_in
from infra.layouts.coco_document import identity_of, names_of

_CATEGORIES, _IMAGES, _ANNOTATIONS = "categories", "images", "annotations"


def _recognises(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _read(source: LabelSource) -> Iterator[LabelledImage]:
    document = _Document(source)
    for name, index, entry in read_lists(source.storage, source.url, (_CATEGORIES, _IMAGES)):
        place = f"{source.url} {name}[{index}]"
        if name == _IMAGES:
            document.add_image(object_in(entry, place), place)
        else:
            document.add_category(object_in(entry, place), place)
    # Another time, since annotations may stand before what they refer to.
    for name, index, entry in read_lists(source.storage, source.url, (_ANNOTATIONS,)):
        place = f"{source.url} {name}[{index}]"
        document.add_annotation(object_in(entry, place), place)
    yield from document.images()


COCO = ImportFormat("coco", _recognises, _read)


class _Document:
    """What was read so far, by the ids of the file."""

    def __init__(self, source: LabelSource) -> None:
        self._source = source
        self._categories: dict[str, str] = {}
        self._images: dict[str, tuple[KnownImage | None, str]] = {}
        self._shapes: dict[str, list[LabelledShape]] = defaultdict(list)
        self._num_left_out: Counter[str] = Counter()

    def add_category(self, entry: dict[str, Any], place: str) -> None:
        """Take an entry of `categories`."""
        self._categories[_id_of(entry, "id", place)] = text_in(entry.get("name"), f"{place}: name")

    def add_image(self, entry: dict[str, Any], place: str) -> None:
        """Take an entry of `images`."""
        image_id = _id_of(entry, "id", place)
        if image_id in self._images:
            raise LabelImportError(f"{place} has the id {image_id}, which another image has: export it again")
        key = text_in(entry.get("sample_key"), f"{place}: sample_key")
        names = names_of(entry)
        if not key and not names:
            raise LabelImportError(f"{place} has no file_name: export it again")
        image = self._source.images.find(key, next(iter(names), key), place)
        if image is not None and (entry.get("height") is not None or entry.get("width") is not None):
            height, width = (side_in(entry.get(name), f"{place}: {name}") for name in ("height", "width"))
            self._source.images.check_size(image, height, width, place)
        self._images[image_id] = (image, place)

    def add_annotation(self, entry: dict[str, Any], place: str) -> None:
        """Take an entry of `annotations`."""
        image_id = _id_of(entry, "image_id", place)
        if image_id not in self._images:
            raise LabelImportError(
                f"{place} is on the image {image_id}, which `images` lacks: export it again"
            )
        image, _ = self._images[image_id]
        if image is None:
            return
        segmentation = entry.get("segmentation")
        is_bare = segmentation in (None, [], "")
        if is_bare and _has_box(entry.get("bbox")):
            self._source.left_out["boxes of COCO without a mask"] += 1
            self._num_left_out[image_id] += 1
            return
        try:
            size = (image.height, image.width)
            counts = empty(*size) if is_bare else mask_of_segmentation(segmentation, *size)
        except ValueError as error:
            raise LabelImportError(
                f"{place} is no mask of sample {image.key!r}: {error}; export it again"
            ) from None
        shape = LabelledShape(
            _object_id(entry, place), self._category(entry, place), counts, isinstance(segmentation, list)
        )
        self._shapes[image_id].append(shape)

    def images(self) -> Iterator[LabelledImage]:
        """The images that the run has, also those without a shape."""
        for image_id, (image, place) in self._images.items():
            if image is not None:
                yield LabelledImage(
                    image.key,
                    place,
                    tuple(self._shapes[image_id]),
                    num_left_out=self._num_left_out[image_id],
                )

    def _category(self, entry: dict[str, Any], place: str) -> str:
        if entry.get("category_id") is None:
            return ""
        category_id = _id_of(entry, "category_id", place)
        if category_id not in self._categories:
            raise LabelImportError(
                f"{place} has the category_id {category_id}, which `categories` lacks: export it again"
            )
        return self._categories[category_id]


def _id_of(entry: dict[str, Any], name: str, place: str) -> str:
    found = identity_of(entry.get(name))
    if not found:
        raise LabelImportError(f"{place}: {name} is {shown(entry.get(name))}: it must be an id")
    return found


def _object_id(entry: dict[str, Any], place: str) -> str:
    attributes = entry.get("attributes")
    inside = attributes.get("object_id") if isinstance(attributes, dict) else None
    return text_in(entry.get("object_id", inside), f"{place}: object_id")


def _has_box(box: object) -> bool:
    """Whether a bbox has an area: an empty mask has none."""
    sides = box[2:] if isinstance(box, list) and len(box) == 4 else []
    return bool(sides) and all(isinstance(side, int | float) and side > 0 for side in sides)

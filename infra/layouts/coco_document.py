"""An annotation file of COCO or LVIS in memory, by image."""

from __future__ import annotations

import json
import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra.errors import LayoutError, Reason
from infra.layouts.coco_lookalikes import lookalike
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.sample import QuarantinedSample

_WHOLE_TEXT = re.compile(r"(-?\d+)\.0+")
_LETTERS = 80  # of a value that a record shows
_FRACTION_IDS = "images whose id, or an id of their annotations, is written as 25.0: taken for 25"
_TEXT_IDS = (
    'images whose id is a number, and text in their annotations, or the reverse (1 and "1"): taken for one id'
)


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """One object; `segmentation` is what stood in the file (rings of polygons as arrays), unchecked.

    index: its place in the list of the file, from 0.
    category: its name, "" if there is none.
    has_unknown_category: the file does not say which category its `category_id` is.
    box: (x, y, w, h) in pixels, empty if the file has none.
    """

    index: int
    annotation_id: str
    segmentation: object
    category: str
    has_unknown_category: bool
    is_crowd: bool
    box: tuple[float, ...]
    has_keypoints: bool

    @property
    def place(self) -> str:
        """Name it as an entry of the file: `annotations[3]`."""
        return f"annotations[{self.index}]"


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An image entry.

    place: `images[3]`.
    names: what the file calls the image: `file_name` as it stands there, then the path of `coco_url`.
    height, width: pixels as the file says, 0 if it does not.
    """

    place: str
    image_id: str
    names: tuple[str, ...]
    height: int
    width: int
    annotations: tuple[CocoAnnotation, ...]


@dataclass(frozen=True, slots=True)
class CocoDocument:
    """The images in the order of the file, the entries that say too little to be used, and what is to be told.

    repeated_ids: ids that several annotations of the file have.
    """

    images: tuple[CocoImage, ...]
    broken: tuple[QuarantinedSample, ...]
    notes: tuple[SourceNote, ...]
    repeated_ids: frozenset[str]


def parse_document(data: bytes, url: str) -> CocoDocument:
    """Parse an annotation file; `data` comes from `url`, which errors name.

    All annotations are held at once, since COCO does not order them by image: with polygons about 2.5 times the
    file's size, 4 times while it is parsed.

    Raises:
        LayoutError: it is no JSON, none with `images` and `annotations`, or no image entry can be used.

    """
    content = parse_json(data, url)
    meaning = lookalike(content)
    if meaning:
        raise LayoutError(
            f"{url} is no instances file of COCO, with lists `images` and `annotations`: it is {meaning}"
        )
    annotations = _AnnotationsByImage(content)
    broken: list[QuarantinedSample] = []
    images = tuple(_images(content["images"], annotations, broken))
    if not images:
        first = f"; the first, {broken[0].key}: {broken[0].detail}" if content["images"] else ""
        raise LayoutError(
            f"none of the {len(content['images'])} entries of `images` of {url} can be used{first}"
        )
    notes = tuple(annotations.notes_on_ids(content["images"], images))
    broken += [*annotations.broken, *annotations.of_no_image(images)]
    return CocoDocument(images, tuple(broken), notes, annotations.repeated_ids())


def parse_json(data: bytes, url: str) -> Any:
    """Parse a JSON file; rings of polygons become arrays.

    Raises:
        LayoutError: it is no JSON.

    """
    try:
        return json.loads(data, object_hook=compact_rings)
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"{url} is no JSON ({error})") from None


def compact_rings(entry: dict[str, Any]) -> dict[str, Any]:
    """Turn the rings of an annotation into arrays, as an `object_hook` of `json`."""
    # Python's lists of floats take five times the text; what is no ring of numbers is left for later checks
    rings = entry.get("segmentation")
    if isinstance(rings, list):
        with suppress(TypeError, OverflowError):
            entry["segmentation"] = [array("d", ring) for ring in rings]
    return entry


class _AnnotationsByImage:
    """The annotations of a file by the id of their image."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.broken: list[QuarantinedSample] = []
        self._of_image: dict[str, list[CocoAnnotation]] = {}
        self._odd_types: dict[str, type] = {}  # of ids that are no int, by the id of the image
        self._ids: Counter[str] = Counter()
        categories = _category_names(content.get("categories"))
        for index, entry in enumerate(content["annotations"]):
            annotation_id = identity_of(entry.get("id")) if isinstance(entry, dict) else ""
            image_id = identity_of(entry.get("image_id")) if isinstance(entry, dict) else ""
            if not annotation_id or not image_id:
                detail = f"an annotation needs an id and an image_id, and this is {shown(entry)}"
                self.broken.append(QuarantinedSample(f"annotations[{index}]", Reason.BAD_METADATA, detail))
                continue
            self._ids[annotation_id] += 1
            self._of_image.setdefault(image_id, []).append(
                _annotation(entry, index, annotation_id, categories)
            )
            written = float if _type(entry["id"]) is float else _type(entry["image_id"])
            if written is not int and self._odd_types.get(image_id) is not float:
                self._odd_types[image_id] = written

    def of(self, image_id: str) -> tuple[CocoAnnotation, ...]:
        return tuple(self._of_image.get(image_id, ()))

    def repeated_ids(self) -> frozenset[str]:
        return frozenset(annotation_id for annotation_id, count in self._ids.items() if count > 1)

    def notes_on_ids(self, entries: list[Any], images: tuple[CocoImage, ...]) -> Iterator[SourceNote]:
        types = {
            identity_of(entry.get("id")): _type(entry.get("id"))
            for entry in entries
            if isinstance(entry, dict)
        }
        for image in images:
            of_image = types[image.image_id]
            of_annotations = self._odd_types.get(image.image_id, int) if image.annotations else of_image
            if float in {of_image, of_annotations}:
                yield SourceNote(Topic.READ, _FRACTION_IDS, image.place)
            elif of_image is not of_annotations:
                yield SourceNote(Topic.READ, _TEXT_IDS, image.place)

    def of_no_image(self, images: tuple[CocoImage, ...]) -> Iterator[QuarantinedSample]:
        """Yield a record for each annotation whose image is not one entry."""
        num_entries = Counter(image.image_id for image in images)
        for image_id, of_image in self._of_image.items():
            count = num_entries[image_id]
            if count == 1:
                continue
            reason = Reason.DUPLICATE_KEY if count else Reason.BAD_METADATA
            entries = f"{count} entries" if count else "no entry that can be used"
            for annotation in of_image:
                yield QuarantinedSample(
                    key=f"image_id {image_id}",
                    reason=reason,
                    detail=f"`images` has {entries} with the id {image_id}",
                    object_id=annotation.annotation_id,
                )


def _category_names(listed: object) -> dict[str, str]:
    """Map ids to names; an id that several names share has none."""
    names: dict[str, str] = {}
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict):
            category_id, name = identity_of(entry.get("id")), entry.get("name")
            text = name if isinstance(name, str) else ""
            names[category_id] = text if names.get(category_id, text) == text else ""
    return names


def _annotation(
    entry: Mapping[str, Any], index: int, annotation_id: str, categories: Mapping[str, str]
) -> CocoAnnotation:
    category_id = entry.get("category_id")
    category = categories.get(identity_of(category_id), "") if category_id is not None else ""
    return CocoAnnotation(
        index=index,
        annotation_id=annotation_id,
        segmentation=entry.get("segmentation"),
        category=category,
        has_unknown_category=category_id is not None and not category,
        is_crowd=is_true(entry.get("iscrowd")),
        box=_box(entry.get("bbox")),
        has_keypoints=bool(entry.get("keypoints")),
    )


def _images(
    entries: list[Any], annotations: _AnnotationsByImage, broken: list[QuarantinedSample]
) -> Iterator[CocoImage]:
    for index, entry in enumerate(entries):
        place = f"images[{index}]"
        names = names_of(entry) if isinstance(entry, dict) else ()
        image_id = identity_of(entry.get("id")) if isinstance(entry, dict) else ""
        if image_id and names:
            yield CocoImage(
                place=place,
                image_id=image_id,
                names=names,
                height=side_of(entry.get("height")),
                width=side_of(entry.get("width")),
                annotations=annotations.of(image_id),
            )
        else:
            detail = f"an image entry needs an id, and a file_name or a coco_url, and this is {shown(entry)}"
            broken.append(QuarantinedSample(place, Reason.BAD_METADATA, detail))


def names_of(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what an image entry calls its file, the most literal first; none if it says nothing of use."""
    # LVIS 1.0 has the URL only; its path, `train2017/000000391895.jpg`, is that of COCO's folders
    coco_url = entry.get("coco_url")
    try:
        url_path = urlsplit(coco_url).path.lstrip("/") if isinstance(coco_url, str) else ""
    except ValueError:  # a host in brackets that are not closed
        url_path = ""
    file_name = entry.get("file_name") or url_path.rpartition("/")[2]
    names = dict.fromkeys((file_name, url_path)) if isinstance(file_name, str) else {}
    return tuple(name for name in names if any(part.strip(".") for part in re.split(r"[/\\]", name)))


def identity_of(value: object) -> str:
    """Return an id as text, "" if the value is none; 25, 25.0, "25" and "25.0" are one id."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else ""
    text = str(value).strip() if isinstance(value, int | str) else ""
    whole = _WHOLE_TEXT.fullmatch(text)
    return whole[1] if whole else text


def _type(value: object) -> type:
    """Return in which way an id is written: int, str, or float if it has a fraction."""
    if isinstance(value, str):
        return float if _WHOLE_TEXT.fullmatch(value.strip()) else str
    return type(value)


def is_true(value: object) -> bool:
    """Tell whether a flag such as `iscrowd` is set, however it is written."""
    return value.strip().lower() not in {"", "0", "0.0", "false"} if isinstance(value, str) else bool(value)


def side_of(value: object) -> int:
    """Return a height or width in pixels, 0 if the value is none."""
    with suppress(ValueError, TypeError, OverflowError):
        number = float(value)  # type: ignore[arg-type]
        if number > 0 and number.is_integer():
            return int(number)
    return 0


def _box(value: object) -> tuple[float, ...]:
    with suppress(ValueError, TypeError, OverflowError):
        box = tuple(float(number) for number in value) if isinstance(value, list) else ()
        if len(box) == 4 and all(map(math.isfinite, box)):
            return box
    return ()


def shown(entry: object) -> str:
    """Write an entry of a file for a person, cut off if it is long."""
    if isinstance(entry, dict):
        # the mask of an annotation would hide the rest
        entry = {name: value for name, value in entry.items() if name != "segmentation"}
    text = repr(entry)
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}..."

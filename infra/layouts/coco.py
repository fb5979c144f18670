"""COCO and LVIS: a JSON file of annotations, and folders of images.

`coco_annotation_file.py` says where the file lies, `coco_image_files.py` where the images, `coco_segmentation.py` and
`coco_rings.py` what a mask is. Crowd regions, which cover many objects at once, are left out unless `--crowd objects`
takes them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from infra import rle
from infra.errors import Reason, SampleError
from infra.layout_options import LayoutOptions
from infra.layouts.coco_annotation_file import choose_annotations
from infra.layouts.coco_document import CocoAnnotation, CocoDocument, CocoImage, parse_document
from infra.layouts.coco_image_files import FoundImage, LostImage, locate_images
from infra.layouts.coco_rings import extent_of
from infra.layouts.coco_segmentation import mask_of_segmentation
from infra.layouts.layout import SourceItem
from infra.layouts.read_ahead import read_in_order
from infra.layouts.source_files import image_notes, read_image
from infra.layouts.source_note import SourceNote, Topic
from infra.layouts.split import chosen_stems
from infra.shards.image_file import StoredImage
from infra.shards.sample import ObjectTruth, QuarantinedSample, Sample
from infra.storage.files import Storage, join

_CROWD = (
    "crowd regions (iscrowd 1), as some tools call brush masks of one object too (--crowd objects: taken)"
)
_CROWD_TAKEN = "crowd regions (iscrowd 1) taken for objects, as --crowd objects says"
_NO_ANNOTATION = "images without annotations: samples without objects"
_NO_SIZE = "images whose height and width the annotation file does not say: those of the file were taken"
_UNKNOWN_CATEGORY = "annotations whose category `categories` does not name: taken without a category"
_REPEATED_ID = "annotations whose id others have in other images: an object is called by its image and its id"
_KEYPOINTS = "keypoints of annotations: only their masks were taken"
_OTHER_BOX = "masks that do not lie in the bbox of their annotation: turned, scaled, or of another image?"
_PERCENT = "no coordinate is above 100, though the images are larger: are they percent instead of pixels?"
_LEAST_OVERLAP = 0.5  # IoU of two boxes that are meant to be one
_LEAST_SIDE = 200  # pixels, of an image in which all objects within the first 100 are strange


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[SourceItem]:
    """Read the images of an annotation file, sorted by key; objects keep their order and are called by their ids.

    A key is the path of the image below its folder without suffix. A split is an annotation file by the end of its name
    (`val2017` for `instances_val2017.json`), by its folder, or whole; or a list of images to read from the only
    annotation file. An image without annotations becomes a sample without objects.

    Raises:
        LayoutError: there is no such annotation file, there are several and no split, the file is not one of
            COCO's, or none of its images is there.

    """
    url, split, notes = choose_annotations(source_url, storage, options.split)
    yield from notes
    document = parse_document(storage.read_bytes(url), url)
    yield from document.notes
    located, notes = locate_images(source_url, storage, url, document.images)
    yield from notes
    by_key: dict[str, list[FoundImage | LostImage]] = {}
    for image in sorted(located, key=lambda image: image.key):
        by_key.setdefault(image.key, []).append(image)
    keys, notes = chosen_stems(source_url, storage, split, list(by_key), "images")
    yield from notes
    reader = _Reader(source_url, storage, options, document)

    def read_key(key: str) -> Iterator[SourceItem]:
        if key not in by_key:
            raise SampleError(Reason.MISSING_IMAGE, f"`images` has no file with the stem {key}")
        for image in by_key[key]:
            yield from reader.read(image)

    coordinates = _Coordinates()
    for item in read_in_order(keys, read_key):
        if isinstance(item, Sample):
            coordinates.add(item, by_key[item.key])
        yield item
    yield from document.broken
    if coordinates.may_be_percent:
        yield SourceNote(Topic.DOUBT, _PERCENT, url.rpartition("/")[2])


class _Reader:
    """Reads the image of an entry and its masks."""

    def __init__(
        self, source_url: str, storage: Storage, options: LayoutOptions, document: CocoDocument
    ) -> None:
        self._source_url, self._storage, self._options = source_url, storage, options
        self._repeated_ids = document.repeated_ids

    def read(self, image: FoundImage | LostImage) -> Iterator[SourceItem]:
        if isinstance(image, LostImage):
            yield QuarantinedSample(image.key, image.reason, image.detail)
            return
        entry, key = image.entry, image.key
        stored = read_image(join(self._source_url, image.path), self._storage, self._options.images)
        _check_size(entry, stored, self._options)
        yield from image.notes
        yield from image_notes(key, stored)
        if not (entry.height and entry.width):
            yield SourceNote(Topic.READ, _NO_SIZE, key)
        if not entry.annotations:
            yield SourceNote(Topic.READ, _NO_ANNOTATION, key)
        wanted = [
            annotation
            for annotation in entry.annotations
            if not annotation.is_crowd or self._options.crowd == "objects"
        ]
        for annotation in entry.annotations:
            if annotation.is_crowd:
                is_taken = self._options.crowd == "objects"
                yield (
                    SourceNote(Topic.READ, _CROWD_TAKEN, key)
                    if is_taken
                    else SourceNote(Topic.LEFT_OUT, _CROWD, key)
                )
        objects: list[ObjectTruth] = []
        for annotation, of_id in _by_id(wanted):
            try:
                truth, told = self._object(annotation, of_id, stored)
            except SampleError as error:
                yield QuarantinedSample(key, error.reason, error.detail, annotation.annotation_id)
            else:
                objects.append(truth)
                yield from (SourceNote(topic, text, key) for topic, text in told)
        if objects or not wanted:
            yield Sample(
                key=key,
                image_bytes=stored.data,
                extension=stored.extension,
                height=stored.height,
                width=stored.width,
                objects=tuple(objects),
            )

    def _object(
        self, annotation: CocoAnnotation, of_id: Sequence[CocoAnnotation], image: StoredImage
    ) -> tuple[ObjectTruth, list[tuple[Topic, str]]]:
        if len(of_id) > 1:
            _refuse_twins(annotation, of_id)
        try:
            mask = mask_of_segmentation(annotation.segmentation, image.height, image.width)
        except SampleError as error:
            raise _with_advice(error, annotation, image) from None
        told = [(remark.topic, remark.text) for remark in mask.remarks]
        if annotation.has_keypoints:
            told.append((Topic.LEFT_OUT, _KEYPOINTS))
        if annotation.has_unknown_category:
            told.append((Topic.DOUBT, _UNKNOWN_CATEGORY))
        if annotation.annotation_id in self._repeated_ids and len(of_id) == 1:
            told.append((Topic.READ, _REPEATED_ID))
        if annotation.box and _overlap(annotation.box, rle.bbox(mask.rle, image.height, image.width)) < (
            _LEAST_OVERLAP
        ):
            told.append((Topic.DOUBT, _OTHER_BOX))
        attributes = {"category": annotation.category} if annotation.category else {}
        return ObjectTruth(annotation.annotation_id, mask.rle, attributes), told


class _Coordinates:
    """Whether all polygons of a source lie within the first hundred pixels of larger images."""

    def __init__(self) -> None:
        self._largest = 0.0

    def add(self, sample: Sample, images: Sequence[FoundImage | LostImage]) -> None:
        """Take a sample and the entries of its key."""
        if min(sample.height, sample.width) < _LEAST_SIDE:
            self._largest = math.inf
        for image in images if sample.objects else ():
            for annotation in image.entry.annotations:
                self._largest = max(self._largest, *extent_of(annotation.segmentation))

    @property
    def may_be_percent(self) -> bool:
        return 1 < self._largest <= 100


def _by_id(
    annotations: Sequence[CocoAnnotation],
) -> Iterator[tuple[CocoAnnotation, Sequence[CocoAnnotation]]]:
    """Yield each annotation with all of its id."""
    counts = Counter(annotation.annotation_id for annotation in annotations)
    for annotation in annotations:
        if counts[annotation.annotation_id] == 1:
            yield annotation, (annotation,)
        else:
            yield (
                annotation,
                [other for other in annotations if other.annotation_id == annotation.annotation_id],
            )


def _refuse_twins(annotation: CocoAnnotation, of_id: Sequence[CocoAnnotation]) -> None:
    """Raise SampleError unless an annotation is the first of several that are the same in all but their place."""
    are_same = all(other.segmentation == of_id[0].segmentation for other in of_id)
    if are_same and annotation is not of_id[0]:
        raise SampleError(
            Reason.DUPLICATE_KEY, f"the same annotation stands at {of_id[0].place} and is taken once"
        )
    if not are_same:
        places = ", ".join(other.place for other in of_id[:3])
        raise SampleError(
            Reason.DUPLICATE_KEY,
            f"{len(of_id)} annotations of the image have this id ({places}): which of them it means nobody can tell",
        )


def _check_size(entry: CocoImage, image: StoredImage, options: LayoutOptions) -> None:
    height, width = entry.height or image.height, entry.width or image.width
    if (height, width) == (image.height, image.width):
        return
    text = f"annotated at {height} x {width} pixels (height x width), the image has {image.height} x {image.width}"
    if (height, width) == (image.width, image.height):
        text += _swapped(entry, image, options)
    elif height * image.width == width * image.height:
        text += ": the image was resized after it was annotated"
    raise SampleError(Reason.MASK_SIZE_MISMATCH, text)


def _swapped(entry: CocoImage, image: StoredImage, options: LayoutOptions) -> str:
    if image.is_turned:
        return " after its EXIF orientation: masks of the stored pixels need --orientation stored"
    if options.images.orientation == "stored":
        return " with --orientation stored, which may be the wrong choice"
    extents = [extent_of(annotation.segmentation) for annotation in entry.annotations]
    fits_image = all(x <= image.width and y <= image.height for x, y in extents)
    if fits_image and any(x > image.height or y > image.width for x, y in extents):
        return ": the polygons fit the image as it is, so swap the two in the annotation file"
    return ": height and width are swapped in the annotation file, or the image was turned since"


def _with_advice(error: SampleError, annotation: CocoAnnotation, image: StoredImage) -> SampleError:
    """Say of an object what else its annotation has, or what would make its mask fit."""
    detail = error.detail
    if error.reason is Reason.MISSING_MASK and annotation.has_keypoints:
        detail = "keypoints and no segmentation: only masks become objects"
    elif error.reason is Reason.MISSING_MASK and annotation.box:
        detail = "a bbox and no segmentation: only masks become objects"
    elif error.reason is Reason.MASK_SIZE_MISMATCH and image.is_turned:
        detail = f"{detail}; EXIF turned the image: masks of the stored pixels need --orientation stored"
    return SampleError(error.reason, detail)


def _overlap(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Return the IoU of two boxes (x, y, w, h), each a pixel larger a side since tools round differently."""
    (x, y, w, h), (u, v, r, s) = ((b[0] - 1, b[1] - 1, b[2] + 2, b[3] + 2) for b in (box, other))
    shared_width, shared_height = min(x + w, u + r) - max(x, u), min(y + h, v + s) - max(y, v)
    shared = max(shared_width, 0.0) * max(shared_height, 0.0)
    return shared / max(w * h + r * s - shared, 1e-9)

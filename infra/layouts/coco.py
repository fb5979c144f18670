"""COCO and LVIS: a JSON file of annotations in the source or its `annotations/`, and folders of images.

Images are looked for in `images/`, in the folder of the split (`val2017/`), in the source itself, and where LVIS's
`coco_url` points (`train2017/`). Crowd regions, which cover many objects at once, are skipped: a sample says how
many in its attribute `num_crowd_skipped`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from infra.errors import LayoutError, Reason, SampleError
from infra.layouts.coco_document import CocoAnnotation, CocoDocument, CocoImage, parse_document
from infra.layouts.coco_segmentation import rle_of_segmentation
from infra.layouts.layout import LayoutOptions, SourceItem
from infra.layouts.layout_errors import annotation_files, wrong_layout
from infra.layouts.read_ahead import read_in_order
from infra.layouts.split import listed_stems
from infra.shards.image_file import stored_image
from infra.shards.sample import JsonValue, ObjectTruth, QuarantinedSample, Sample
from infra.storage.files import Storage, basename, join, relative_to

_logger = logging.getLogger(__name__)
_LAYOUT = "coco (or lvis)"
_USUAL_NAMES = ("instances", "lvis")


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[SourceItem]:
    """Read the images of an annotation file, sorted by name; objects keep their order and are called by their ids.

    A split is an annotation file by the end of its name (`val2017` for `instances_val2017.json`, `val` for
    `lvis_v1_val.json`), or a list of stems to read from the only annotation file. An image without annotations
    becomes a sample without objects.

    Raises:
        LayoutError: there is no such annotation file, there are several and no split, the file is not one of
            COCO's, or none of its images is there.

    """
    url, stems = _choose_annotations(source_url, storage, options.split)
    document = parse_document(storage.read_bytes(url), url)
    files = _image_files(source_url, storage, url, document)
    keys = document.images if stems is None else stems
    yield from read_in_order(keys, lambda key: _read_one(_only_entry(key, document), files, storage))
    yield from document.broken
    entries = (image for key in keys for image in document.images.get(key, []))
    num_crowd = sum(annotation.is_crowd for image in entries for annotation in image.annotations)
    if num_crowd:
        _logger.info("%s: %d crowd regions skipped", url, num_crowd)


def _choose_annotations(
    source_url: str, storage: Storage, split: str | None
) -> tuple[str, Sequence[str] | None]:
    """Return the URL of the annotation file, and the stems to read if the split is a list of them."""
    found = annotation_files(source_url, storage)
    if not found:
        expected = "an annotation file such as instances.json, in the source or in annotations/"
        raise wrong_layout(_LAYOUT, source_url, storage, expected)
    if split is not None:
        of_split = [url for url in found if _is_of_split(_stem(url), split)]
        if of_split:
            return _only_annotations(source_url, of_split), None
    stems = None if split is None else listed_stems(source_url, storage, split)
    usual = [url for url in found if _stem(url).startswith(_USUAL_NAMES)]
    return _only_annotations(source_url, usual or found), stems


def _only_annotations(source_url: str, urls: Sequence[str]) -> str:
    if len(urls) > 1:
        names = ", ".join(relative_to(url, source_url) for url in urls)
        raise LayoutError(f"{source_url} has several annotation files ({names}): choose one with --split")
    return urls[0]


def _is_of_split(stem: str, split: str) -> bool:
    return stem == split or (stem.startswith(_USUAL_NAMES) and stem.endswith(f"_{split}"))


def _stem(url: str) -> str:
    return PurePosixPath(basename(url)).stem


def _image_files(
    source_url: str, storage: Storage, annotations_url: str, document: CocoDocument
) -> dict[str, str]:
    """Map each path that an image entry names to the URL of the image, as far as it exists."""
    paths = {path for images in document.images.values() for image in images for path in image.paths}
    folder_of_split = _stem(annotations_url).partition("_")[2]
    named_folders = sorted({path.partition("/")[0] for path in paths if "/" in path})
    walked = [folder for folder in dict.fromkeys(["images", folder_of_split, *named_folders]) if folder]
    present = set(storage.list(source_url))
    for folder in walked:
        present.update(storage.walk(join(source_url, folder)))
    found: dict[str, str] = {}
    for path in paths:
        folders = ("images", f"images/{folder_of_split}", folder_of_split, "")
        candidates = (join(source_url, *(part for part in (folder, path) if part)) for folder in folders)
        url = next((url for url in candidates if url in present), None)
        if url is not None:
            found[path] = url
    if not found:
        raise LayoutError(
            f"none of the {len(document.images)} images of {annotations_url} is in {source_url}: layout {_LAYOUT} "
            f"looks in {', '.join(f'{folder}/' for folder in walked)} and in the source itself"
        )
    return found


def _only_entry(key: str, document: CocoDocument) -> CocoImage:
    entries = document.images.get(key, [])
    if not entries:
        raise SampleError(Reason.MISSING_IMAGE, f"`images` has no file with the stem {key}")
    if len(entries) > 1:
        raise SampleError(Reason.DUPLICATE_KEY, f"{len(entries)} entries of `images` have the stem {key}")
    return entries[0]


def _read_one(entry: CocoImage, files: Mapping[str, str], storage: Storage) -> Iterator[SourceItem]:
    url = next((files[path] for path in entry.paths if path in files), None)
    if url is None:
        raise SampleError(Reason.MISSING_IMAGE, f"no image {' or '.join(entry.paths)}")
    image = stored_image(storage.read_bytes(url))
    height, width = image.height, image.width
    if (entry.height or height, entry.width or width) != (height, width):
        raise SampleError(
            Reason.MASK_SIZE_MISMATCH,
            f"annotated at {entry.height} x {entry.width} pixels, the image has {height} x {width}",
        )
    objects: dict[str, ObjectTruth] = {}
    wanted = [annotation for annotation in entry.annotations if not annotation.is_crowd]
    for annotation in wanted:
        try:
            if annotation.annotation_id in objects:
                raise SampleError(Reason.DUPLICATE_KEY, "another annotation of the image has this id")
            objects[annotation.annotation_id] = _object(annotation, height, width)
        except SampleError as error:
            yield QuarantinedSample(entry.key, error.reason, error.detail, annotation.annotation_id)
    num_crowd = len(entry.annotations) - len(wanted)
    attributes: dict[str, JsonValue] = {"num_crowd_skipped": num_crowd} if num_crowd else {}
    if objects or not wanted:
        yield Sample(
            key=entry.key,
            image_bytes=image.data,
            extension=image.extension,
            height=height,
            width=width,
            objects=tuple(objects.values()),
            attributes=attributes,
        )


def _object(annotation: CocoAnnotation, height: int, width: int) -> ObjectTruth:
    return ObjectTruth(
        object_id=annotation.annotation_id,
        rle=rle_of_segmentation(annotation.segmentation, height, width),
        attributes={} if annotation.category is None else {"category": annotation.category},
    )

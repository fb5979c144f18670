"""A folder with `images/` and `masks/`, files of the same stem; without `masks/` for logged clicks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from infra.errors import LayoutError, Reason, SampleError
from infra.layouts.layout import LayoutOptions
from infra.layouts.mask_file import decode_mask, samples_of_mask
from infra.layouts.read_ahead import read_in_order
from infra.layouts.split import listed_stems
from infra.shards.sample import QuarantinedSample, Sample, stored_image
from infra.storage.files import Storage, join, relative_to

_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[Sample | QuarantinedSample]:
    """Read the samples of a folder; a key is the path of the image below `images/` without its suffix.

    Raises:
        LayoutError: there is no image in `images/`, or the split has no list.

    """
    images = files_by_stem(storage, join(source_url, "images"))
    if not images:
        raise LayoutError(
            f"no image under {join(source_url, 'images')}: layout folder expects images/, and masks/ with "
            "files of the same stems unless clicks are logged"
        )
    masks = files_by_stem(storage, join(source_url, "masks")) if _has_masks(storage, source_url) else None
    stems: Iterable[str] = images
    if options.split is not None:
        stems = listed_stems(source_url, storage, options.split)
    yield from read_in_order(stems, lambda stem: _read_one(stem, images, masks, storage, options))


def files_by_stem(storage: Storage, folder_url: str) -> dict[str, list[str]]:
    """List the images under a folder: path below it without suffix, to the URLs of that path."""
    found: dict[str, list[str]] = {}
    for url in storage.walk(folder_url):
        path = PurePosixPath(relative_to(url, folder_url))
        if path.suffix.lower() in _IMAGE_SUFFIXES and not path.name.startswith("."):
            found.setdefault(path.with_suffix("").as_posix(), []).append(url)
    return dict(sorted(found.items()))


def only_file(stem: str, files: Mapping[str, list[str]], missing: Reason) -> str:
    """Return the one file of a stem; SampleError where there is none, or several."""
    urls = files.get(stem, [])
    if not urls:
        raise SampleError(missing, f"no file with the stem {stem}")
    if len(urls) > 1:
        raise SampleError(Reason.DUPLICATE_KEY, f"{len(urls)} files share the stem: {', '.join(urls)}")
    return urls[0]


def _has_masks(storage: Storage, source_url: str) -> bool:
    return storage.is_dir(join(source_url, "masks"))


def _read_one(
    stem: str,
    images: Mapping[str, list[str]],
    masks: Mapping[str, list[str]] | None,
    storage: Storage,
    options: LayoutOptions,
) -> Iterator[Sample | QuarantinedSample]:
    image = stored_image(storage.read_bytes(only_file(stem, images, Reason.MISSING_IMAGE)))
    if masks is None:
        yield Sample(stem, image.data, image.extension, image.height, image.width)
        return
    mask_values = options.mask_values or "binary"
    values = decode_mask(storage.read_bytes(only_file(stem, masks, Reason.MISSING_MASK)), mask_values)
    yield from samples_of_mask(
        stem, image, values, mask_values=mask_values, ignore_value=options.ignore_value
    )

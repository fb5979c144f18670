"""SBD: `img/*.jpg`, and in `inst/*.mat` MATLAB structures with a map of instances; no pixel is ignored."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import scipy.io

from infra.errors import Reason, SampleError
from infra.layout_options import LayoutOptions
from infra.layouts.layout import SourceItem
from infra.layouts.layout_errors import wrong_layout
from infra.layouts.mask_reading import MaskPixels
from infra.layouts.pairs import PairedFiles, read_pairs
from infra.layouts.source_files import list_files, list_images
from infra.layouts.split import chosen_stems
from infra.storage.files import Storage, join


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[SourceItem]:
    """Read all images, or those of a list (`train.txt`, `val.txt`, or any other); each instance is one object.

    Raises:
        LayoutError: there are no .mat files or no images, or the split has no list.

    """
    images = list_images(storage, join(source_url, "img"))
    instances = list_files(storage, join(source_url, "inst"), {".mat"}, "no .mat file of instances: ")
    yield from images.notes + instances.notes
    files = PairedFiles(images.by_stem, instances.by_stem)
    if not files.images or not files.masks:
        raise wrong_layout("sbd", source_url, storage, ".mat files in inst/ and images in img/")
    keys, notes = chosen_stems(source_url, storage, options.split, files.keys(), "img")
    yield from notes
    yield from read_pairs(keys, files, storage, decode_instances, options.images)


def decode_instances(data: bytes) -> MaskPixels:
    """Decode a .mat file of SBD; its instance ids are the values.

    `GTinst` is a 1 x 1 structure whose first field is `Segmentation`.

    Raises:
        SampleError: the bytes are no such file.

    """
    try:
        content = scipy.io.loadmat(io.BytesIO(data), variable_names=["GTinst"])
        instances = np.asarray(content["GTinst"][0][0][0])
    except Exception as error:  # a broken file makes scipy's parser raise almost anything
        raise SampleError(
            Reason.UNDECODABLE_MASK,
            f"no GTinst can be read from a .mat file of {len(data)} bytes ({error!r})",
        ) from None
    if instances.ndim != 2 or not np.issubdtype(instances.dtype, np.number):
        raise SampleError(
            Reason.UNDECODABLE_MASK,
            f"GTinst holds {instances.dtype} of shape {instances.shape}, not (H, W) ids",
        )
    values = instances.astype(np.int64)
    return MaskPixels(
        values, np.zeros(values.shape, np.bool_), "every instance of GTinst is an object of its own"
    )

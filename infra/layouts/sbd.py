"""SBD: `img/*.jpg`, and in `inst/*.mat` MATLAB structures with a map of instances; no pixel is ignored."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
import scipy.io

from infra.errors import Reason, SampleError
from infra.layouts.folder import files_by_stem
from infra.layouts.layout import LayoutOptions
from infra.layouts.layout_errors import refuse_mask_options, wrong_layout
from infra.layouts.pairs import PairedFiles, read_pairs
from infra.layouts.split import listed_stems
from infra.shards.sample import QuarantinedSample, Sample
from infra.storage.files import Storage, join, relative_to


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[Sample | QuarantinedSample]:
    """Read all images, or those of a list (`train.txt`, `val.txt`, or any other); each instance is one object.

    Raises:
        LayoutError: there are no .mat files or no images, the split has no list, or mask values were chosen.

    """
    refuse_mask_options("sbd", options)
    files = PairedFiles(
        images=files_by_stem(storage, join(source_url, "img")),
        masks=_instance_files(storage, join(source_url, "inst")),
    )
    if not files.images or not files.masks:
        raise wrong_layout("sbd", source_url, storage, ".mat files in inst/ and images in img/")
    keys = files.keys() if options.split is None else listed_stems(source_url, storage, options.split)
    yield from read_pairs(keys, files, storage, decode_instances, mask_values="instances", ignore_value=None)


def decode_instances(data: bytes) -> npt.NDArray[np.int32]:
    """Decode a .mat file of SBD into (H, W) int32 instance ids, 0 for background.

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
    return instances.astype(np.int32)


def _instance_files(storage: Storage, folder_url: str) -> dict[str, list[str]]:
    paths = (PurePosixPath(relative_to(url, folder_url)) for url in storage.walk(folder_url))
    stems = (path.with_suffix("").as_posix() for path in paths if path.suffix == ".mat")
    return {stem: [join(folder_url, f"{stem}.mat")] for stem in stems}

"""Sources where an image and a mask file of the same stem belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from infra.errors import Reason
from infra.layouts.folder import only_file
from infra.layouts.layout import MaskValues
from infra.layouts.mask_file import samples_of_mask
from infra.layouts.read_ahead import read_in_order
from infra.shards.sample import QuarantinedSample, Sample, stored_image
from infra.storage.files import Storage

MaskDecoder: TypeAlias = Callable[[bytes], npt.NDArray[np.int32]]


@dataclass(frozen=True)
class PairedFiles:
    """The files of a source: key of a sample, to the URLs of its image and of its mask (one each, if all is well)."""

    images: Mapping[str, list[str]]
    masks: Mapping[str, list[str]]

    def keys(self) -> list[str]:
        """Return the keys that have an image, a mask or both, sorted: a lonely file is to be heard of."""
        return sorted(self.images.keys() | self.masks.keys())


def read_pairs(
    keys: Iterable[str],
    files: PairedFiles,
    storage: Storage,
    decode: MaskDecoder,
    *,
    mask_values: MaskValues,
    ignore_value: int | None,
) -> Iterator[Sample | QuarantinedSample]:
    """Read the pairs in the order of the keys.

    Args:
        keys: samples to read.
        files: where their images and masks are.
        storage: opens them.
        decode: bytes of a mask file to (H, W) int32 pixel values, 0 for background; may raise SampleError.
        mask_values: whether all values are one object or each is its own.
        ignore_value: the value of pixels that do not count, or None.

    """

    def read_one(key: str) -> Iterator[Sample | QuarantinedSample]:
        image_url = only_file(key, files.images, Reason.MISSING_IMAGE)
        mask_url = only_file(key, files.masks, Reason.MISSING_MASK)
        image = stored_image(storage.read_bytes(image_url))
        values = decode(storage.read_bytes(mask_url))
        yield from samples_of_mask(key, image, values, mask_values=mask_values, ignore_value=ignore_value)

    yield from read_in_order(keys, read_one)

"""From an encoded sample to a training crop."""

from __future__ import annotations

import sys
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actors.training.usable_objects import usable_objects
from actors.working_size import WORKING_PIXELS, WorkingSize
from infra.errors import SampleError
from infra.reduced_rle import decode_reduced
from infra.shards.image_file import decode_image
from infra.shards.sample import Sample
from mfp.errors import TrainingError
from mfp.training.augment import augmented_view
from mfp.training.augment_settings import IGNORED, AugmentSettings

MERGE_PROBABILITY = 0.15
WEIGHT = "weight"
"""The free attribute of a sample that holds its weight in the loss: a number, 0 or more; 1 if there is none."""


@dataclass(frozen=True, eq=False)
class Crop:
    """One training crop.

    Attributes:
        image: (3, H, W) uint8.
        label: (1, H, W) int8, 1 object, 0 background, -1 ignored.
        weight: in the loss; 0 where the sample could not be used and the crop is blank.
    """

    image: Tensor
    label: Tensor
    weight: float


def crop_of(sample: Sample | None, number: int, seed: int, settings: AugmentSettings) -> Crop:
    """The crop with a number of the stream: a random view of one object of the sample, or of two merged.

    It depends on the arguments only. An image of more than `WORKING_PIXELS` is reduced as in labelling. One that
    does not decode gives a blank crop of weight 0, so that every number has its crop and the batches after it are what
    they would have been.

    Raises:
        TrainingError: the sample's weight is no number, or below 0.
    """
    if sample is None:
        return _blank(settings)
    weight = sample_weight(sample)
    rng = np.random.default_rng((seed, zlib.crc32(sample.key.encode()), number))
    size = WorkingSize.of(sample.height, sample.width, WORKING_PIXELS)
    label = _label(sample, size, settings.smallest_object, rng)
    try:
        image = decode_image(sample.image_bytes, size.reduction)
    except SampleError:
        return _blank(settings)
    if image.shape[:2] != label.shape:
        return _blank(settings)
    view = augmented_view(image, label, settings, int(rng.integers(2**31)))
    return _blank(settings) if view is None else Crop(*view, weight)


def sample_weight(sample: Sample) -> float:
    """What the sample's attribute says of its weight."""
    weight = sample.attributes.get(WEIGHT, 1.0)
    if (
        isinstance(weight, bool)
        or not isinstance(weight, int | float)
        or not 0 <= weight <= sys.float_info.max
    ):
        raise TrainingError(
            f"sample {sample.key!r}: its attribute {WEIGHT!r} is {weight!r}; it must be a number, 0 or more"
        )
    return float(weight)


def _label(sample: Sample, size: WorkingSize, smallest: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """(h, w) int8 of one object that is large enough, or of two merged."""
    usable = usable_objects(sample, smallest)
    num_merged = 2 if len(usable) > 1 and rng.random() < MERGE_PROBABILITY else 1
    label = np.zeros(size.shape, np.int8)
    if sample.ignore_rle is not None:
        label[decode_reduced(sample.ignore_rle, size.height, size.width, size.reduction)] = IGNORED
    for index in rng.choice(len(usable), num_merged, replace=False):
        label[decode_reduced(usable[index].rle, size.height, size.width, size.reduction)] = 1
    return label


def _blank(settings: AugmentSettings) -> Crop:
    height, width = settings.crop_size
    label = torch.full((1, height, width), IGNORED, dtype=torch.int8)
    label[:, height // 4 : height // 2, width // 4 : width // 2] = 1  # a click needs an object
    return Crop(torch.zeros(3, height, width, dtype=torch.uint8), label, 0.0)

"""Which objects of a sample a training crop can show."""

from __future__ import annotations

from actors.working_size import WORKING_PIXELS, WorkingSize
from infra import rle
from infra.shards.sample import ObjectTruth, Sample


def usable_objects(sample: Sample, smallest: int) -> list[ObjectTruth]:
    """The objects of a sample that have at least `smallest` pixels at the size it is trained on."""
    size = WorkingSize.of(sample.height, sample.width, WORKING_PIXELS)
    area = smallest * size.reduction**2
    return [item for item in sample.objects if rle.area(item.rle, sample.height, sample.width) >= area]

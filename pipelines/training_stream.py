"""Training crops, streamed from shards in an order that a seed decides."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from infra import rle
from infra.errors import InfraError, SampleError
from infra.manifest import DatasetManifest
from infra.sample import Sample, decode_image
from infra.shard_reader import read_shard
from infra.storage import Storage
from mfp.errors import MfpError, TrainingError
from mfp.training.augment import IGNORED, AugmentSettings, augmented_view
from mfp.training.step import TrainingBatch

SHUFFLE_BUFFER = 512  # samples, encoded
MERGE_PROBABILITY = 0.15
_ENOUGH_TO_JUDGE = 100  # samples


@dataclass(frozen=True)
class StreamSettings:
    """What decides the stream: the same settings yield the same batches.

    Attributes:
        seed: of the order, the objects and the views.
        batch_size: crops in a batch.
        augment: ranges of the views.
    """

    seed: int
    batch_size: int
    augment: AugmentSettings


class TrainingStream(IterableDataset[TrainingBatch]):
    """An endless stream of batches, starting at batch `first_batch`.

    Every epoch visits each sample once, with one object of it or two merged. A batch depends on the settings, the
    data and its number alone; the loader's workers share the batches out between them. A sample without a usable object
    leaves its batch one crop smaller; TrainingError where a whole epoch has none.
    """

    def __init__(
        self,
        manifests: Sequence[DatasetManifest],
        storage: Storage,
        settings: StreamSettings,
        first_batch: int = 0,
    ) -> None:
        self._manifests = tuple(manifests)
        self._storage = storage
        self._settings = settings
        self._first_batch = first_batch

    def __iter__(self) -> Iterator[TrainingBatch]:
        worker = get_worker_info()
        index, count = (worker.id, worker.num_workers) if worker else (0, 1)
        size = self._settings.batch_size
        numbered = self._numbered_samples(self._first_batch * size)
        batch_idx = self._first_batch
        num_fruitless, fruitful_epoch = 0, None
        while samples := list(islice(numbered, size)):
            if batch_idx % count == (self._first_batch + index) % count:
                crops = [
                    crop for number, sample, _ in samples if (crop := self._crop(number, sample)) is not None
                ]
                last_epoch = samples[-1][2]
                if crops or fruitful_epoch is None:
                    num_fruitless, fruitful_epoch = 0, last_epoch
                if crops:
                    yield _collate(crops)
                num_fruitless += len(samples)
                if num_fruitless >= _ENOUGH_TO_JUDGE and last_epoch > fruitful_epoch + 1:
                    raise TrainingError(
                        f"no object of {self._settings.augment.smallest_object} pixels or more in a whole epoch: "
                        "training needs masks; shard with masks, or larger images"
                    )
            batch_idx += 1

    def _numbered_samples(self, first: int) -> Iterator[tuple[int, Sample, int]]:
        """Samples with their number in the endless stream and their epoch, from number `first` on."""
        counts = [manifest.num_samples for manifest in self._manifests]
        # Where every sample is counted, whole epochs before `first` need not be read again.
        epoch = first // sum(count or 0 for count in counts) if all(counts) else 0
        number = epoch * sum(count or 0 for count in counts)
        while True:
            before = number
            for sample in self._epoch(epoch):
                if number >= first:
                    yield number, sample, epoch
                number += 1
            if number == before:
                raise TrainingError("the data sets hold no readable sample; see the errors of `mfp shard`")
            epoch += 1

    def _epoch(self, epoch: int) -> Iterator[Sample]:
        """All samples once, shuffled: shards permuted, then a buffer drawn from at random."""
        rng = np.random.default_rng((self._settings.seed, epoch))
        shards = [(manifest, shard) for manifest in self._manifests for shard in manifest.shards]
        buffer: list[Sample] = []
        for index in rng.permutation(len(shards)):
            manifest, shard = shards[index]
            for item in read_shard(self._storage, manifest.shard_url(shard), shard):
                if not isinstance(item, Sample):
                    continue
                buffer.append(item)
                if len(buffer) > SHUFFLE_BUFFER:
                    yield _pop_random(buffer, rng)
        while buffer:
            yield _pop_random(buffer, rng)

    def _crop(self, number: int, sample: Sample) -> tuple[torch.Tensor, torch.Tensor] | None:
        rng = np.random.default_rng((self._settings.seed, zlib.crc32(sample.key.encode()), number))
        label = _training_label(sample, self._settings.augment.smallest_object, rng)
        if label is None:
            return None
        try:
            image = decode_image(sample.image_bytes)
        except SampleError:
            return None
        return augmented_view(image, label, self._settings.augment, int(rng.integers(2**31)))


class _WithErrors(IterableDataset[TrainingBatch | InfraError | MfpError]):
    """A stream whose end in an error is its last item: a loader's process would wrap a traceback around it."""

    def __init__(self, stream: TrainingStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[TrainingBatch | InfraError | MfpError]:
        try:
            yield from self._stream
        except (InfraError, MfpError) as error:
            yield error


def loaded(stream: TrainingStream, num_workers: int) -> Iterator[TrainingBatch]:
    """The batches of a stream, made by that many processes, or by this one (0). Raises what the stream raises."""
    # spawn: storage clients must not cross a fork
    context = "spawn" if num_workers else None
    loader = DataLoader(
        _WithErrors(stream), batch_size=None, num_workers=num_workers, multiprocessing_context=context
    )
    for item in loader:
        if isinstance(item, Exception):
            raise item
        yield item


def _pop_random(buffer: list[Sample], rng: np.random.Generator) -> Sample:
    index = int(rng.integers(len(buffer)))
    buffer[index], buffer[-1] = buffer[-1], buffer[index]
    return buffer.pop()


def _training_label(sample: Sample, smallest: int, rng: np.random.Generator) -> NDArray[np.int8] | None:
    """(H, W) int8 of one object, or of two merged with probability 0.15; None where no object is large enough."""
    usable = [item for item in sample.objects if rle.area(item.rle, sample.height, sample.width) >= smallest]
    if not usable:
        return None
    num_merged = 2 if len(usable) > 1 and rng.random() < MERGE_PROBABILITY else 1
    label = np.zeros((sample.height, sample.width), np.int8)
    if sample.ignore_rle is not None:
        label[rle.decode(sample.ignore_rle, sample.height, sample.width)] = IGNORED
    for index in rng.choice(len(usable), num_merged, replace=False):
        label[rle.decode(usable[index].rle, sample.height, sample.width)] = 1
    return label


def _collate(crops: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> TrainingBatch:
    return TrainingBatch(
        image=torch.stack([image for image, _ in crops]).float() / 255.0,
        label=torch.stack([label for _, label in crops]),
    )

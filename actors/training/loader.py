"""Training batches, made ahead of the step: a thread reads the samples, processes decode and augment them."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import Any, TypeAlias

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from actors.training.crop import Crop, crop_of
from actors.training.job import TrainJob
from actors.training.reader import SampleReader
from infra.errors import InfraError
from infra.shards.sample import Sample
from infra.storage.files import Storage
from mfp.errors import MfpError
from mfp.training.augment_settings import AugmentSettings
from mfp.training.sample_order import Place, SampleOrder, numbers_of_worker
from mfp.training.step import TrainingBatch

_BATCHES_READ_AHEAD = 4
_PREFETCHED = 2  # batches of each process

Numbered: TypeAlias = tuple[int, Sample | None]
Failure: TypeAlias = InfraError | MfpError


@dataclass(frozen=True)
class Share:
    """The part of every batch that one worker computes, from batch `first_batch` on."""

    rank: int
    num_workers: int
    first_batch: int


def training_batches(job: TrainJob, share: Share, device: torch.device) -> Iterator[TrainingBatch]:
    """A worker's share of the batches, without end. A batch depends on the job, the data and its number alone.

    Raises:
        InfraError, MfpError: data that cannot be read or used.
    """
    dataset = _Crops(job.spec.seed, job.recipe.augmentation())
    loader: DataLoader[Any] = DataLoader(
        dataset,
        batch_sampler=_ReadAhead(job, share),  # type: ignore[arg-type]  # any iterable of lists will do
        collate_fn=_collate,
        num_workers=job.spec.workers.loader_workers,
        # not fork, which storage clients and Ray's threads must not cross
        multiprocessing_context="spawn" if job.spec.workers.loader_workers else None,
        worker_init_fn=_begin_process,
        prefetch_factor=_PREFETCHED if job.spec.workers.loader_workers else None,
        pin_memory=device.type == "cuda",
    )
    for item in loader:
        if isinstance(item, Exception):
            raise item
        image, label, weight = (tensor.to(device, non_blocking=True) for tensor in item)
        image = image.to(memory_format=torch.channels_last).float() / 255.0
        yield TrainingBatch(image, label, weight)


def _begin_process(_: int) -> None:
    """What a loader's process does first."""
    # There is a process a core already: OpenCV's threads would compete, and may outlive what it does at its end.
    cv2.setNumThreads(0)
    threading.Thread(target=_end_with_worker, name="end-with-worker", daemon=True).start()


def _end_with_worker() -> None:
    """End this process as soon as the worker that started it has ended, even if it was killed.

    torch looks every five seconds whether this process has another parent. That does not find two workers: one that was
    killed before the first look, and one that was killed half through sending samples, for whose rest torch waits.
    """
    worker = parent_process()
    if worker is not None:
        wait([worker.sentinel])
        os._exit(1)


class _Crops(Dataset[Crop | Failure]):
    """What a loader's process does with a sample. An error is an item: the process would wrap a traceback around it."""

    def __init__(self, seed: int, settings: AugmentSettings) -> None:
        self._seed = seed
        self._settings = settings

    def __getitem__(self, numbered: Numbered | Failure) -> Crop | Failure:
        if isinstance(numbered, Exception):
            return numbered
        number, sample = numbered
        try:
            return crop_of(sample, number, self._seed, self._settings)
        except (InfraError, MfpError) as error:
            return error


class _ReadAhead:
    """The lists of numbered samples of each batch, read by a thread; ends after a list that holds an error."""

    def __init__(self, job: TrainJob, share: Share) -> None:
        self._job = job
        self._share = share

    def __iter__(self) -> Iterator[Sequence[Numbered | Failure]]:
        batches: queue.Queue[Sequence[Numbered | Failure] | BaseException] = queue.Queue(_BATCHES_READ_AHEAD)
        is_over = threading.Event()
        threading.Thread(target=self._read, args=(batches, is_over), name="read-ahead", daemon=True).start()
        try:
            while True:
                batch = batches.get()
                if isinstance(batch, InfraError | MfpError):
                    yield [batch]
                    return
                if isinstance(batch, BaseException):
                    raise batch
                yield batch
        finally:
            is_over.set()

    def _read(
        self, batches: queue.Queue[Sequence[Numbered | Failure] | BaseException], is_over: threading.Event
    ) -> None:
        try:
            for batch in self._batches():
                while not is_over.is_set():
                    try:
                        batches.put(batch, timeout=1.0)
                        break
                    except queue.Full:
                        continue
                if is_over.is_set():
                    return
        except BaseException as error:  # whatever it is, who waits for a batch has to hear of it
            batches.put(error)

    def _batches(self) -> Iterator[Sequence[Numbered]]:
        job, share, size = self._job, self._share, self._job.recipe.batch_size
        reader = SampleReader(
            job.pools, Storage(job.storage, endpoint_is_known=True), job.recipe.smallest_object
        )
        order = SampleOrder(
            [pool.shard_sizes for pool in job.pools], [pool.share for pool in job.pools], job.spec.seed
        )
        places = order.places(share.first_batch * size)
        batch_idx = share.first_batch
        while True:
            of_batch: dict[int, Place] = {}
            for number in range(batch_idx * size, (batch_idx + 1) * size):
                of_batch[number] = next(places)
            mine = numbers_of_worker(batch_idx, size, share.rank, share.num_workers)
            yield [(number, reader.read(of_batch[number])) for number in mine]
            batch_idx += 1


def _collate(
    crops: Sequence[Crop | Failure],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | Failure:
    good: list[Crop] = []
    for crop in crops:
        if isinstance(crop, Exception):
            return crop
        good.append(crop)
    return (
        # channels last, as OpenCV drew them and as networks take them
        torch.stack([crop.image.permute(1, 2, 0) for crop in good]).permute(0, 3, 1, 2),
        torch.stack([crop.label for crop in good]),
        torch.tensor([crop.weight for crop in good], dtype=torch.float32),
    )

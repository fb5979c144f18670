"""Small data and small jobs for tests of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from actors.training.group import TrainGroup
from actors.training.job import TrainingPool, TrainJob
from actors.training.loop import train
from infra import rle
from infra.json_text import JsonValue
from infra.shards.image_file import stored_image
from infra.shards.manifest import load_manifest
from infra.shards.sample import ObjectTruth, Sample
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from tests.specs import changed, train_spec

NUM_SAMPLES = 13
ALONE = TrainGroup(rank=0, size=1, device=torch.device("cpu"))
SMALL: Mapping[str, Any] = {
    "crop_size": (64, 64),
    "batch_size": 2,
    "steps": 5,
    "recursion_precision": "fp32",
    "warm_up": 2,
}


def bright_object(
    index: int, *, with_object: bool = True, attributes: Mapping[str, JsonValue] | None = None
) -> Sample:
    """70 x 90 pixels of noise with a brighter rectangle somewhere."""
    rng = np.random.default_rng(index)
    image = rng.integers(0, 80, (70, 90, 3), np.uint8)
    mask = np.zeros((70, 90), np.bool_)
    top, left = rng.integers(5, 25, 2)
    mask[top : top + 35, left : left + 40] = True
    image[mask] += 120
    stored = stored_image(cv2.imencode(".png", image)[1].tobytes())
    objects = (ObjectTruth("1", rle.encode(mask)),) if with_object else ()
    return Sample(
        f"s/{index:03d}", stored.data, stored.extension, 70, 90, objects, attributes=attributes or {}
    )


def write_bright_objects(url: str, first: int = 0, number: int = NUM_SAMPLES, per_shard: int = 5) -> str:
    """Write a data set and return its URL."""
    samples = (bright_object(index) for index in range(first, first + number))
    write_dataset(samples, url, Storage(), samples_per_shard=per_shard)
    return url


def small_job(dataset: str, run: Path | str, **settings: Any) -> TrainJob:
    """A job of five steps that runs in this process."""
    spec = train_spec(
        (dataset,), str(run), **{**SMALL, "checkpoint_every": 2, "keep": 2, "loader_workers": 0, **settings}
    )
    pools = (TrainingPool((load_manifest(Storage(), dataset),), 1.0),)
    return TrainJob(spec=spec, pools=pools, init=None, validation=None, num_threads=1)


def changed_job(job: TrainJob, **settings: Any) -> TrainJob:
    """The same job with some settings changed."""
    return replace(job, spec=changed(job.spec, **settings))


def train_to_the_end(group: TrainGroup, job: TrainJob) -> None:
    """Train as one worker of the group; its reports are not wanted."""
    train(job, group, lambda figures: None)

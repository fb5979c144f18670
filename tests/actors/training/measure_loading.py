"""How many training crops a core makes in a second; no test, since figures depend on the machine.

python -m tests.actors.training.measure_loading [DATASET] [--recipe lite0]: one process, by its own processor time.
Without a data set, on 64 photographs of 375x500 pixels that are made up.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import cv2
import torch

from actors.specs.workers import TrainWorkers
from actors.training.crop import crop_of
from actors.training.job import TrainingPool
from actors.training.reader import SampleReader
from infra.shards.manifest import load_manifest
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from mfp.training.sample_order import SampleOrder
from pipelines.benchmarks.photographs import photograph
from pipelines.inputs.training_recipe import recipe

_NUM_PHOTOGRAPHS = 64
_NUM_CROPS = 200
_REPEATS = 5
_PARTS = {
    "decoding images": "decode_image",
    "views": "augmented_view",
    "labels": "_label",
    "reading samples": "read",
}


def measure(dataset: str, of_recipe: str) -> list[str]:
    used, storage = recipe(of_recipe), Storage()
    pools = (TrainingPool((load_manifest(storage, dataset),), 1.0),)
    settings = used.augmentation()

    def make_crops(first: int) -> None:
        reader = SampleReader(pools, storage, used.smallest_object)
        order = SampleOrder([pool.shard_sizes for pool in pools], [1.0], 0)
        for number, place in enumerate(islice(order.places(first), _NUM_CROPS)):
            crop_of(reader.read(place), first + number, 0, settings)

    make_crops(0)
    rates = []
    for repeat in range(_REPEATS):
        started = time.process_time()
        make_crops(_NUM_CROPS * repeat)
        rates.append(_NUM_CROPS / (time.process_time() - started))
    height, width = used.crop_size
    profile = cProfile.Profile(time.process_time)
    profile.runcall(make_crops, 0)
    stats = pstats.Stats(profile)
    total = stats.total_tt  # type: ignore[attr-defined]
    shares = [
        f"{what} {max(entry[3] for key, entry in stats.stats.items() if key[2] == name) / total:.0%}"  # type: ignore[attr-defined]
        for what, name in _PARTS.items()
    ]
    return [
        f"{of_recipe}, crops of {height}x{width}: {statistics.median(rates):.0f} crops a second and core "
        f"({min(rates):.0f} to {max(rates):.0f}, {_REPEATS} times {_NUM_CROPS} crops)",
        "of the time: " + ", ".join(shares),
        f"loader processes of a worker by default: {TrainWorkers().loader_workers}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", nargs="?")
    parser.add_argument("--recipe", default="lite0")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        dataset = asked.dataset or str(Path(folder) / "photographs")
        if asked.dataset is None:
            samples = (photograph(number) for number in range(_NUM_PHOTOGRAPHS))
            write_dataset(samples, dataset, Storage(), samples_per_shard=_NUM_PHOTOGRAPHS)
        sys.stdout.write("\n".join(measure(dataset, asked.recipe)) + "\n")


if __name__ == "__main__":
    main()

"""What gets signals at random moments: each job is a command on small data; its first run says how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from tests.actors.shapes import shape_sample, write_shapes
from tests.chaos.errors import ChaosError
from tests.infra.layouts.sources import image_file, mask_file
from tests.ray_head import Head, ray_head
from tests.training_jobs import write_bright_objects

Arguments: TypeAlias = tuple[str, ...]

NUM_JOBS = 5
_NUM_PHOTOGRAPHS = 100
_LABELLING = ("--model", "analytic", "--zoom-size", "160", "--max-clicks", "8")
_TRAINING = ("--crop-size", "64", "--batch-size", "2", "--loader-workers", "0", "--device", "cpu")


@dataclass(frozen=True)
class SignalledJob:
    """A command, given the folder it works into; the same folder means the same command again.

    `goes_on` False: it has no end of its own, and nothing to go on with.
    """

    name: str
    arguments: Callable[[str], Arguments]
    environment: Mapping[str, str] | None = None
    goes_on: bool = True


def jobs_on_local_files(data: Path) -> Iterator[SignalledJob]:
    """shard, label, train and flywheel; their data sets are written below `data`."""
    storage = Storage()
    for index in range(_NUM_PHOTOGRAPHS):
        image_file(data / f"photographs/images/{index:03d}.png", 600, 800)
        mask_file(data / f"photographs/masks/{index:03d}.png", np.eye(600, 800) * 255)
    write_shapes(str(data / "shapes"), storage, num_samples=40, samples_per_shard=2)
    write_bright_objects(str(data / "bright"))
    for name, first, last in (("unlabelled", 0, 4), ("seed", 4, 8), ("evaluation", 8, 10)):
        write_dataset((shape_sample(index) for index in range(first, last)), str(data / name), storage, 1)
    sharded = ("--layout", "folder", "--samples-per-shard", "10")
    yield SignalledJob("shard", lambda out: ("shard", str(data / "photographs"), out, *sharded))
    yield SignalledJob("label", lambda out: ("label", str(data / "shapes"), "--out", out, *_LABELLING))
    steps = ("--steps", "30", "--checkpoint-every", "5", "--recursion-precision", "fp32")
    yield SignalledJob("train", lambda out: ("train", str(data / "bright"), "--out", out, *steps, *_TRAINING))
    yield SignalledJob(
        "flywheel",
        lambda out: (
            *("flywheel", str(data / "unlabelled"), "--train-on", str(data / "seed"), "--out", out),
            *(
                "--evaluation",
                str(data / "evaluation"),
                "--model",
                "lite0",
                "--rounds",
                "1",
                "--max-clicks",
                "3",
            ),
            *("--train-steps", "20", "--checkpoint-every", "10", "--min-quality", "0", "--flip", "off"),
            *("--zoom-size", "96", "--cpus-per-worker", "0.5", *_TRAINING),
        ),
    )


@contextmanager
def followed_log(folder: Path, data: Path) -> Iterator[SignalledJob]:
    """logs --follow, of a job that goes on all the while on a cluster of its own."""
    with ray_head(folder, {}) as head:
        endless = ("--full-curve", "--zoom-size", "896", "--max-clicks", "1000", "--device", "cpu")
        run = (
            "evaluate",
            str(data / "shapes"),
            "--out",
            str(folder / "run"),
            "--model",
            "analytic",
            *endless,
        )
        job = _submitted(head, run)
        yield SignalledJob("logs", lambda _: ("logs", job, "--follow"), head.environment, goes_on=False)


def _submitted(head: Head, command: Arguments) -> str:
    submitted = head.mfp("submit", *command)
    if submitted.returncode:
        raise ChaosError(f"a job cannot be submitted: {submitted.stderr}")
    return submitted.stdout.split()[0]

"""What all workers of a training run are told."""

from __future__ import annotations

from dataclasses import dataclass

from infra.shards.manifest import DatasetManifest
from infra.storage.files import StorageOptions
from infra.training_driver import TrainingDriver
from mfp.training.recipe import Recipe


@dataclass(frozen=True)
class TrainingPool:
    """Data sets whose samples take turns epoch by epoch, and their share of the stream.

    Every shard of theirs is counted and has objects.
    """

    datasets: tuple[DatasetManifest, ...]
    share: float

    @property
    def shard_sizes(self) -> list[int]:
        """Samples of each shard, data set after data set."""
        return [shard.samples or 0 for dataset in self.datasets for shard in dataset.shards]


@dataclass(frozen=True)
class Validation:
    """Which samples are evaluated, and when: the first `num_samples` of a data set, every `every` steps."""

    dataset: DatasetManifest
    every: int
    num_samples: int

    @property
    def name(self) -> str:
        """Names what is evaluated: figures compare only where it is the same."""
        return f"{self.num_samples} samples of {self.dataset.fingerprint}"


@dataclass(frozen=True)
class TrainJob:
    """One training run: small, without credentials, the same for every worker.

    Attributes:
        pools: the data.
        run_url: where checkpoints, logs and models go.
        storage: where S3 is.
        recipe: how it is learned.
        init: URL of a model file to start from; None takes the network's own start.
        seed: of every draw.
        validation: None: none.
        checkpoint_every: steps between two checkpoints.
        checkpoints_kept: the newest ones that are kept, beside the best.
        num_loaders: processes of each worker that decode and augment; 0: the worker does it itself.
        num_threads: of each worker.
        driver: the command whose run it is; None if no other can come: it is then not looked for.
    """

    pools: tuple[TrainingPool, ...]
    run_url: str
    storage: StorageOptions
    recipe: Recipe
    init: str | None
    seed: int
    validation: Validation | None
    checkpoint_every: int
    checkpoints_kept: int
    num_loaders: int
    num_threads: int
    driver: TrainingDriver | None = None

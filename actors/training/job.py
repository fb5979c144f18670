"""What all workers of a training run are told."""

from __future__ import annotations

from dataclasses import dataclass, replace

from actors.specs.train import TrainSpec
from infra.shards.manifest import DatasetManifest
from infra.storage.options import StorageOptions
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
        spec: what the run was told, resolved.
        pools: the data.
        init: URL of a model file to start from; None takes the network's own start.
        validation: None: none.
        num_threads: of each worker.
        driver: the command whose run it is; None if no other can come: it is then not looked for.
    """

    spec: TrainSpec
    pools: tuple[TrainingPool, ...]
    init: str | None
    validation: Validation | None
    num_threads: int
    driver: TrainingDriver | None = None

    @property
    def run_url(self) -> str:
        """Where checkpoints, logs and models go."""
        return self.spec.out

    @property
    def storage(self) -> StorageOptions:
        """Where S3 is."""
        return self.spec.storage

    @property
    def recipe(self) -> Recipe:
        """How it is learned."""
        return self.spec.recipe

    def with_recipe(self, recipe: Recipe) -> TrainJob:
        """The same run with another recipe: one whose precisions are chosen."""
        return replace(self, spec=replace(self.spec, recipe=recipe))

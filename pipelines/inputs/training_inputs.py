"""What a training run reads, found and checked before anything is started, and what its directory keeps of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from actors.specs.train import TrainSpec, Validating
from actors.training.job import TrainingPool, Validation
from actors.training.reader import has_object, num_samples
from actors.training.start import StartFile
from infra.runs.run_config import START_FILE, TRAINING_FILE
from infra.shards.glance import look_into
from infra.shards.manifest import DatasetManifest, load_manifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage, join
from mfp.errors import TrainingError, WeightsError
from mfp.model_file import model_id_of
from pipelines.errors import OptionError
from pipelines.inputs.dataset_mix import parse_mix
from pipelines.inputs.held_out import refuse_shared_shards
from pipelines.inputs.run_folder import load_beside
from pipelines.inputs.run_record import ModelFile, StartContent, TrainRecord, now, read_record, versions


@dataclass(frozen=True)
class TrainingInputs:
    """The data of a run."""

    pools: tuple[TrainingPool, ...]
    validation: Validation | None

    @property
    def fingerprints(self) -> list[str]:
        """Of the data sets trained on."""
        return [dataset.fingerprint for pool in self.pools for dataset in pool.datasets]


def find_training_inputs(spec: TrainSpec, storage: Storage) -> TrainingInputs:
    """Find and check the data that a resolved specification names.

    Without shares all data sets are one pool, each sample once an epoch. With a share on any of them, each is a pool of
    its own and one without counts as 1.

    Raises:
        TrainingError, OptionError: data without objects, validation on data that is trained on, a run that would lie in
            its data.
        InfraError: data sets that cannot be read.
    """
    given = [parse_mix(text) for text in spec.datasets]
    datasets = [
        _with_objects(load_beside(spec.out, one.url, storage), storage, spec.recipe.smallest_object)
        for one in given
    ]
    if all(one.share is None for one in given):
        pools: tuple[TrainingPool, ...] = (TrainingPool(tuple(datasets), 1.0),)
    else:
        pools = tuple(
            TrainingPool((dataset,), 1.0 if one.share is None else one.share)
            for one, dataset in zip(given, datasets, strict=True)
        )
    inputs = TrainingInputs(pools, None)
    return replace(inputs, validation=_validation(spec.validation, inputs, storage))


@dataclass(frozen=True)
class Start:
    """What the network of a run begins as.

    Attributes:
        content: what the run's directory keeps of it.
        file: the model file; None for a new network.
        is_kept: the run has its own copy of the file.
    """

    content: StartContent
    file: StartFile | None
    is_kept: bool


def find_start(spec: TrainSpec, storage: Storage) -> Start:
    """Read the model file that a resolved specification begins from.

    A run that has its own copy goes on from that: the file that it was may be gone, or be another by now, as a training
    run keeps no models but its newest and its best. A file at another place must be the same one.

    Raises:
        StorageError: there is no such file.
        WeightsError: it is no model file.
        RunDirectoryError: `training.json` is damaged.

    """
    if spec.init is None:
        return Start("fresh", None, is_kept=False)
    own = join(spec.out, START_FILE)
    is_kept = storage.exists(own) and storage.exists(join(spec.out, TRAINING_FILE))
    is_as_told = is_kept and read_record(TrainRecord, spec.out, storage).spec.init == spec.init
    url = own if is_as_told else spec.init
    file = StartFile(url, storage.read_bytes(url))
    try:
        return Start(ModelFile(model_id=model_id_of(file.data)), file, is_kept)
    except WeightsError as error:
        raise WeightsError(f"{url}: {error}") from None


def train_record(spec: TrainSpec, inputs: TrainingInputs, start: Start) -> TrainRecord:
    """`training.json` of a run with a resolved specification."""
    return TrainRecord(
        spec=spec,
        datasets=tuple(inputs.fingerprints),
        shares=tuple(pool.share for pool in inputs.pools),
        start=start.content,
        versions=versions(),
        created=now(),
    )


def _with_objects(dataset: DatasetManifest, storage: Storage, smallest: int) -> DatasetManifest:
    """The data set with every shard counted, and without those that hold nothing to train on."""
    counted = [
        shard if shard.samples is not None else replace(shard, samples=num_samples(storage, dataset, shard))
        for shard in dataset.shards
    ]
    useful = replace(
        dataset, shards=tuple(shard for shard in counted if shard.samples and shard.objects != 0)
    )
    if not any(has_object(sample, smallest) for sample in _samples(useful, storage)):
        raise TrainingError(
            f"no object of {smallest} pixels or more in {dataset.url}: training needs masks; shard with masks, or "
            f"larger images ({look_into(dataset, storage)})"
        )
    return useful


def _samples(dataset: DatasetManifest, storage: Storage) -> Iterator[Sample]:
    for shard in dataset.shards:
        for item in read_shard(storage, dataset.shard_url(shard), shard):
            if isinstance(item, Sample):
                yield item


def _validation(asked: Validating, inputs: TrainingInputs, storage: Storage) -> Validation | None:
    if asked.dataset is None:
        return None
    dataset = load_manifest(storage, asked.dataset)
    trained_on = [trained for pool in inputs.pools for trained in pool.datasets]
    refuse_shared_shards(dataset, {f"DATASET #{n}": one for n, one in enumerate(trained_on, 1)}, "--validate")
    if dataset.num_objects == 0:
        raise TrainingError(f"no objects in {asked.dataset}: validation needs masks; shard with masks")
    return Validation(dataset, asked.every, asked.samples)


def check_shared_out(batch_size: int, sizes: Sequence[int]) -> None:
    """Refuse more workers than a batch has crops."""
    if max(sizes) > batch_size:
        raise OptionError(
            f"{max(sizes)} workers share a batch of {batch_size} crops: give a --batch-size of at least {max(sizes)}"
        )

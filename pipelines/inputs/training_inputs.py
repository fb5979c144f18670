"""What a training run reads, found and checked before anything is started, and how `training.json` records it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from actors.training.job import TrainingPool, Validation
from actors.training.reader import has_object, num_samples
from infra.runs.run_config import VOLATILE_FIELDS
from infra.shards.glance import look_into
from infra.shards.manifest import DatasetManifest, load_manifest
from infra.shards.sample import JsonValue, Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from mfp.errors import TrainingError
from mfp.training.recipe import Recipe
from pipelines.errors import OptionError
from pipelines.inputs.dataset_mix import parse_mix
from pipelines.inputs.held_out import refuse_shared_shards
from pipelines.inputs.label_inputs import absolute
from pipelines.inputs.run_folder import load_beside
from pipelines.options import TrainOptions

TRAINING_VOLATILE = VOLATILE_FIELDS | {"given", "execution"}
_GROWING = ("steps", "decay_steps")  # of a recipe: a run may be made longer, and be brought to its end


@dataclass(frozen=True)
class TrainingInputs:
    """The data of a run."""

    pools: tuple[TrainingPool, ...]
    validation: Validation | None

    @property
    def fingerprints(self) -> list[str]:
        """Of the data sets trained on."""
        return [dataset.fingerprint for pool in self.pools for dataset in pool.datasets]


def find_training_inputs(options: TrainOptions, recipe: Recipe, storage: Storage) -> TrainingInputs:
    """Find and check the data of a run.

    Without shares all data sets are one pool, each sample once an epoch. With a share on any of them, each is a pool of
    its own and one without counts as 1.

    Raises:
        TrainingError, OptionError: data without objects, validation on data that is trained on, a run that would lie in
            its data.
        InfraError: data sets that cannot be read.
    """
    out = absolute(options.out)
    given = [parse_mix(text) for text in options.datasets]
    datasets = [
        _with_objects(load_beside(out, absolute(one.url), storage), storage, recipe.smallest_object)
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
    return replace(inputs, validation=_validation(options, inputs, storage))


def training_config(options: TrainOptions, recipe: Recipe, inputs: TrainingInputs) -> dict[str, JsonValue]:
    """`training.json`: everything that decides the weights, but what may grow from one run to the next."""
    values: dict[str, JsonValue] = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(recipe).items()
        if name not in _GROWING
    }
    return {
        "job": "train",
        "init": options.init,
        "datasets": list(inputs.fingerprints),
        "shares": [pool.share for pool in inputs.pools],
        "recipe": values,
        "seed": options.seed,
        "given": {"datasets": list(options.datasets), **{name: getattr(recipe, name) for name in _GROWING}},
        "execution": {
            "workers": [options.workers.minimum, options.workers.maximum],
            "device": options.device,
            "validate": options.validate,
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


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


def _validation(options: TrainOptions, inputs: TrainingInputs, storage: Storage) -> Validation | None:
    if options.validate is None:
        return None
    dataset = load_manifest(storage, absolute(options.validate))
    trained_on = [trained for pool in inputs.pools for trained in pool.datasets]
    refuse_shared_shards(dataset, {f"DATASET #{n}": one for n, one in enumerate(trained_on, 1)}, "--validate")
    if dataset.num_objects == 0:
        raise TrainingError(f"no objects in {options.validate}: validation needs masks; shard with masks")
    return Validation(dataset, options.validate_every, options.validate_samples)


def check_shared_out(batch_size: int, sizes: Sequence[int]) -> None:
    """Refuse more workers than a batch has crops."""
    if max(sizes) > batch_size:
        raise OptionError(
            f"{max(sizes)} workers share a batch of {batch_size} crops: give a --batch-size of at least {max(sizes)}"
        )

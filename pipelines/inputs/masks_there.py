"""Whether a data set has the masks that simulated clicks need, and what to say if it has none."""

from __future__ import annotations

from infra.shards.glance import look_into
from infra.shards.manifest import DatasetManifest
from infra.storage.files import Storage
from pipelines.inputs.quarantined import in_words, quarantined_in


def no_masks(dataset: DatasetManifest, storage: Storage) -> str:
    """What to tell a person whose data set has nothing to simulate clicks from."""
    quarantined = in_words(quarantined_in(dataset, storage))
    if quarantined:
        return (
            f"{dataset.url} has no usable object mask, what it had was quarantined: {quarantined}: mend the source and "
            "run mfp shard again"
        )
    return (
        f"{dataset.url} has no object masks, which --clicks simulated needs: shard it with masks, or replay clicks "
        f"with --clicks logged:URL ({look_into(dataset, storage)})"
    )


def has_objects(dataset: DatasetManifest, storage: Storage) -> bool:
    """Whether there are masks; if no one has counted, the beginnings of some shards tell."""
    if dataset.num_objects is not None:
        return dataset.num_objects > 0
    return look_into(dataset, storage).has_objects

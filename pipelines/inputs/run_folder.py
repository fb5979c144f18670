"""Results lie beside the data they come from, never in it: what a run writes could pass for shards."""

from __future__ import annotations

from infra.shards.manifest import DatasetManifest, has_manifest, is_listed, load_manifest
from infra.shards.shard_listing import is_pattern_of_shards
from infra.shards.shard_pattern import folder_and_pattern
from infra.storage.files import Storage
from pipelines.errors import OptionError


def load_beside(out: str, dataset_url: str, storage: Storage) -> DatasetManifest:
    """Load a data set for a run whose folder is `out`; both are URLs or absolute paths.

    Raises:
        OptionError: `out` is the folder of a data set, or lies in one that is listed for want of a `dataset.json`:
            every Parquet file in there is taken for a shard, at the next command those of the run as well.
        DatasetError, StorageError: see `load_manifest`.

    """
    out, folder = out.rstrip("/"), dataset_url.rstrip("/")
    if out != folder and has_manifest(storage, out):
        raise OptionError(f"--out {out} is a data set: give the run a folder of its own")
    if is_pattern_of_shards(storage, folder):
        folder, _ = folder_and_pattern(folder)
    if out == folder or (out.startswith(f"{folder}/") and is_listed(storage, folder)):
        raise OptionError(f"--out {out} is in the data set {folder}: give the run a folder outside it")
    return load_manifest(storage, dataset_url)

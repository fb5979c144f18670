"""Small finished runs over a data set of their own, to be exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from infra import rle
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import BoundingBox, MaskRow
from infra.shards.manifest import DatasetManifest, load_manifest
from infra.shards.sample import ObjectTruth, Sample
from infra.shards.shard_reader import read_shard
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from pipelines.inputs.run_record import DatasetContent, request_of
from tests.infra.rows import commit_rows, mask_row
from tests.infra.sample_factory import rectangle, sample
from tests.specs import label_record, label_spec

STORAGE = Storage()
EMPTY = "empty"
"""The key of the sample without objects."""


def write_data(url: str, keys: Sequence[str], samples_per_shard: int = 2) -> DatasetManifest:
    """Samples of two objects each, `cat`, which has a colour, and `dog`, and one of none."""
    samples = [_sample(key) for key in keys]
    samples.append(replace(sample(EMPTY), objects=()))
    return write_dataset(samples, url, STORAGE, samples_per_shard)


def write_run(url: str, data: str, *, num_shards: int | None = None) -> RunDirectory:
    """A run whose masks are a column wider than the true ones; the quality of object 2 is not known."""
    manifest = load_manifest(STORAGE, data)
    run = RunDirectory(url, STORAGE)
    record = label_record(label_spec(data, url, "analytic"))
    content = DatasetContent(fingerprint=manifest.fingerprint, num_shards=len(manifest.shards))
    run.open(request_of(replace(record, dataset=content)))
    for entry in manifest.shards[:num_shards]:
        rows = [row for item in _items(manifest, entry.name) for row in _rows(item, entry.name)]
        commit_rows(run, entry.name, "a", rows, [])
    return run


def _sample(key: str) -> Sample:
    made = sample(key)
    return replace(
        made,
        objects=tuple(
            ObjectTruth(truth.object_id, truth.rle, attributes)
            for truth, attributes in zip(
                made.objects, ({"category": "cat", "colour": "black"}, {"category": "dog"}), strict=True
            )
        ),
    )


def _items(manifest: DatasetManifest, shard: str) -> list[Sample]:
    (entry,) = [entry for entry in manifest.shards if entry.name == shard]
    return [
        item for item in read_shard(STORAGE, manifest.shard_url(entry), entry) if isinstance(item, Sample)
    ]


def _rows(item: Sample, shard: str) -> list[MaskRow]:
    masks = {
        "1": rectangle(item.height, item.width, slice(0, 3), slice(1, 10)),
        "2": rectangle(item.height, item.width, slice(4, 9), slice(2, 6)),
    }
    rows = []
    for truth in item.objects:
        mask = masks[truth.object_id]
        counts = rle.encode(mask)
        row = mask_row(item.key, truth.object_id, shard=shard, num_clicks=int(truth.object_id))
        rows.append(
            replace(
                row,
                height=item.height,
                width=item.width,
                rle=counts,
                bbox=BoundingBox(*rle.bbox(counts, item.height, item.width)),
                area=int(np.count_nonzero(mask)),
                quality=0.75 if truth.object_id == "1" else None,
            )
        )
    return rows

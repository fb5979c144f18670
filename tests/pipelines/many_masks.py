"""A data set and a run of many small masks: `python -m tests.pipelines.many_masks FOLDER MASKS` makes them.

An image of 256 x 256 has 1,000 masks, a shard 10 images.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from infra.exports.mask_window import counts_of
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import BoundingBox, MaskRow
from infra.shards.manifest import load_manifest
from infra.shards.sample import ObjectTruth, Sample
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from pipelines.inputs.run_record import DatasetContent, request_of
from tests.infra.rows import commit_rows, mask_row
from tests.infra.sample_factory import encoded, random_pixels
from tests.specs import label_record, label_spec

SIDE = 256
OBJECTS_OF_IMAGE = 1000
IMAGES_OF_SHARD = 10


def rows_of(key: str, shard: str) -> list[MaskRow]:
    """Rows of rectangles of 5 x 6 pixels without a corner, everywhere on the image."""
    window = np.ones((5, 6), np.bool_)
    window[0, 0] = False
    rows = []
    for number in range(OBJECTS_OF_IMAGE):
        x, y = number * 7 % (SIDE - 6), number * 13 % (SIDE - 5)
        row = mask_row(key, str(number), shard=shard)
        box, counts = BoundingBox(x, y, 6, 5), counts_of(window, x, y, SIDE, SIDE)
        rows.append(replace(row, height=SIDE, width=SIDE, rle=counts, bbox=box, area=29))
    return rows


def make(folder: Path, num_masks: int) -> None:
    """Write a data set and a run of it."""
    storage = Storage()
    image = encoded(random_pixels(SIDE, SIDE), "JPEG")
    objects = tuple(ObjectTruth(row.object_id, row.rle) for row in rows_of("", ""))
    samples = (
        Sample(f"s{number:05d}", image, "jpg", SIDE, SIDE, objects)
        for number in range(num_masks // OBJECTS_OF_IMAGE)
    )
    data = str(folder / "data")
    write_dataset(samples, data, storage, IMAGES_OF_SHARD)
    manifest = load_manifest(storage, data)
    run = RunDirectory(str(folder / "run"), storage)
    record = label_record(label_spec(data, run.url, "analytic"))
    content = DatasetContent(fingerprint=manifest.fingerprint, num_shards=len(manifest.shards))
    run.open(request_of(replace(record, dataset=content)))
    for place, entry in enumerate(manifest.shards):
        first = place * IMAGES_OF_SHARD
        keys = [f"s{number:05d}" for number in range(first, first + (entry.samples or 0))]
        commit_rows(run, entry.name, "a", (row for key in keys for row in rows_of(key, entry.name)), [])


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))

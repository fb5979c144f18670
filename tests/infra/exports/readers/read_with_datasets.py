"""Rows of Parquet files as Hugging Face `datasets` reads them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import datasets
from pycocotools import mask as coco_mask

from tests.infra.exports.readers.mask_runs import Shown

# not the folder: it also has a Parquet file of ours, with other columns
files = [str(path) for path in Path(sys.argv[1]).rglob("*.parquet") if path.name != "objects.parquet"]
rows, shown = (
    datasets.load_dataset("parquet", data_files=files, cache_dir=tempfile.mkdtemp())["train"],
    Shown(),
)
for row in rows:
    name = f"{row['sample_key']}.png"
    shown.image(name)
    for one in row["objects"]:
        mask = coco_mask.decode({"size": one["rle"]["size"], "counts": one["rle"]["counts"].encode()})
        if row["image"].size != mask.shape[::-1]:
            raise ValueError(f"{name} has {row['image'].size} pixels")
        shown.mask(name, one["category"], mask)
shown.write()

"""What a worker holds does not grow with its shard: peak memory is measured in a process of its own."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.shards.sample import Sample
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage, join
from tests.infra.sample_factory import encoded, sample

NUM_SAMPLES = 40
IMAGE_BYTES = 2 * 2**20  # a shard of 80 MB
ALLOWED_MIB = 50

# `ru_maxrss` would not do: a child starts with the peak of its parent
PEAK = """
import re
from pathlib import Path

def peak_mib():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024
"""
PEAK_OF_READING = """
import sys
from infra.shards.manifest import load_manifest
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage

storage = Storage()
manifest = load_manifest(storage, sys.argv[1])
(shard,) = manifest.shards
items = read_shard(storage, manifest.shard_url(shard), shard)
key = next(items).key
before = peak_mib()
count = 1 + sum(1 for _ in items)
print(count, peak_mib() - before)
"""


def large_samples() -> Iterator[Sample]:
    small = sample("x", 8, 8)
    padding = np.random.default_rng(0).bytes(IMAGE_BYTES)  # what follows the end of a PNG is part of the file
    for idx in range(NUM_SAMPLES):
        yield dataclasses.replace(small, key=str(idx), image_bytes=small.image_bytes + padding)


def growth_in_mib(url: str) -> int:
    command = [sys.executable, "-c", PEAK + PEAK_OF_READING, url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert int(output[0]) == NUM_SAMPLES
    return int(output[1])


def test_a_tar_of_any_size_streams(folder_url: str) -> None:
    write_dataset(large_samples(), folder_url, Storage())
    assert growth_in_mib(folder_url) < ALLOWED_MIB


@pytest.mark.parametrize("row_group_size", [10, NUM_SAMPLES])
def test_a_parquet_file_of_any_size_streams(tmp_path: Path, row_group_size: int) -> None:
    schema = pa.schema([("image", pa.binary())])
    path = tmp_path / "x.parquet"
    data = encoded(np.zeros((8, 8, 3), np.uint8))
    images = [data + np.random.default_rng(idx).bytes(IMAGE_BYTES) for idx in range(NUM_SAMPLES)]
    with pq.ParquetWriter(path, schema, use_dictionary=False) as writer:
        writer.write_table(pa.table({"image": images}, schema), row_group_size=row_group_size)
    assert growth_in_mib(str(path)) < ALLOWED_MIB


def test_writing_holds_one_sample(tmp_path: Path) -> None:
    program = f"""
from tests.infra.test_streaming import large_samples
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage

samples = large_samples()
next(samples)
before = peak_mib()
write_dataset(samples, {join(str(tmp_path), "out")!r}, Storage())
print(peak_mib() - before)
"""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", PEAK + program]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout
    assert int(output) < ALLOWED_MIB

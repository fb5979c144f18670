"""What a worker holds in memory does not depend on how much it labels, and hardly on how large an image is."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from infra import rle
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from tests.actors.resident_memory import LARGE_SIDE, SAMPLES_OF_SHARD, disc

MEGABYTE = 2**20
LARGEST_SLOPE = 10_000
"""Bytes a sample. Of a sample that stayed, the run-length encoding of its mask alone would be three times as much, and
its image twenty times; what the allocator keeps and gives back comes to some hundred bytes, up or down."""


def measured(folder: Path, kind: str, what: int | str) -> list[int]:
    command = [sys.executable, "-m", "tests.actors.resident_memory", kind, str(what), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    numbers: list[int] = json.loads(done.stdout)
    return numbers


def slope(memory: list[int]) -> float:
    """Bytes from one measurement to the next, by a straight line through all but the first tenth."""
    settled = memory[len(memory) // 10 :]
    return statistics.linear_regression(range(len(settled)), settled).slope


def test_memory_does_not_grow_with_the_number_of_shards(tmp_path: Path) -> None:
    memory = measured(tmp_path, "shards", 200)
    assert slope(memory) < LARGEST_SLOPE * SAMPLES_OF_SHARD, memory


def test_memory_does_not_grow_with_the_size_of_a_shard(tmp_path: Path) -> None:
    memory = measured(tmp_path, "samples", 1000)  # after a shard of 100
    assert slope(memory) < LARGEST_SLOPE * 1000 / len(memory), memory


@pytest.mark.parametrize(("image_format", "bytes_per_pixel"), [("jpg", 3), ("png", 8)])
def test_an_image_of_100_megapixels_takes_a_few_bytes_a_pixel_and_gets_a_mask_of_its_size(
    tmp_path: Path, image_format: str, bytes_per_pixel: int
) -> None:
    """A JPEG is decoded at a quarter of its size, a PNG whole, in a decoder that holds about twice its pixels.

    Worked on at its size, either would take 3 bytes a pixel for the image, 6 for the session and 15 for the first crop.
    """
    (peak,) = measured(tmp_path, "image", image_format)
    assert peak < bytes_per_pixel * LARGE_SIDE**2
    run = RunDirectory(str(tmp_path / "run"), Storage())
    (mask,) = (row for row in run.read_masks().to_pylist() if row["sample_key"] == "large")
    assert (mask["height"], mask["width"]) == (LARGE_SIDE, LARGE_SIDE)
    truth = rle.encode(disc(LARGE_SIDE, LARGE_SIDE) > 0)
    different = rle.num_different(mask["rle"], truth, LARGE_SIDE, LARGE_SIDE)
    assert different < 0.01 * rle.area(truth, LARGE_SIDE, LARGE_SIDE)


def test_memory_does_not_grow_with_the_objects_of_an_image(tmp_path: Path) -> None:
    """1,000 sessions at once would take 400 MB: a mask, a truth and a map of 6 bytes for each of 65,536 pixels."""
    (peak,) = measured(tmp_path, "objects", 1000)
    assert peak < 150 * MEGABYTE
    assert RunDirectory(str(tmp_path / "run"), Storage()).read_masks().num_rows == 1001

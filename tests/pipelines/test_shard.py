from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infra.errors import LayoutError, Reason, StorageError
from infra.shards.manifest import load_manifest
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage, StorageOptions, join
from pipelines.options import ShardOptions
from pipelines.progress import ProgressReport
from pipelines.shard import run_shard
from tests.infra.sample_factory import encoded, random_pixels
from tests.shared_data import SHARED, requires_shared


def write_source(url: str) -> None:
    """Five pairs of images and masks with two instances each; the mask of `broken` has another size."""
    mask = np.zeros((6, 8), np.uint8)
    mask[1], mask[3], mask[5] = 1, 2, 255
    storage = Storage()
    for stem in ("a", "b", "broken", "c", "d"):
        storage.write_bytes(join(url, f"images/{stem}.jpg"), encoded(random_pixels(6, 8), "JPEG"))
        of_sample = mask.T if stem == "broken" else mask
        storage.write_bytes(join(url, f"masks/{stem}.png"), encoded(of_sample))


def test_a_source_becomes_shards_on_any_storage(folder_url: str) -> None:
    source, destination = join(folder_url, "source"), join(folder_url, "shards")
    write_source(source)
    reports: list[ProgressReport] = []
    options = ShardOptions(
        source, destination, "folder", samples_per_shard=2, mask_values="instances", ignore_value=255
    )
    manifest = run_shard(options, reports.append)
    assert load_manifest(Storage(), destination) == manifest
    assert [shard.samples for shard in manifest.shards] == [2, 1, 1]
    assert (manifest.num_samples, manifest.num_objects, manifest.num_quarantined) == (4, 8, 1)
    assert (reports[-1].done, reports[-1].quarantined) == (4, 1)
    shards = [manifest.shard_url(shard) for shard in manifest.shards]
    items = [item for shard in shards for item in read_shard(Storage(), shard)]
    assert [item.key for item in items] == ["a", "b", "broken", "c", "d"]
    assert [item.reason for item in items if isinstance(item, QuarantinedSample)] == [
        Reason.MASK_SIZE_MISMATCH
    ]
    (first, *_) = items
    assert isinstance(first, Sample)
    assert first.ignore_rle is not None


def test_sharding_twice_gives_the_same_data_set(tmp_path: Path) -> None:
    write_source(str(tmp_path / "source"))
    options = ShardOptions(str(tmp_path / "source"), str(tmp_path / "shards"), "folder")
    assert run_shard(options) == run_shard(options)


def test_errors_of_a_person_are_one_line_and_leave_nothing(tmp_path: Path, s3_endpoint: str) -> None:
    write_source(str(tmp_path / "source"))
    destination = str(tmp_path / "shards")
    with pytest.raises(LayoutError, match=r"unknown layout 'foler': choose one of .*folder"):
        run_shard(ShardOptions(str(tmp_path / "source"), destination, "foler"))
    with pytest.raises(LayoutError, match="layout folder expects images/"):
        run_shard(ShardOptions(str(tmp_path), destination, "folder"))
    with pytest.raises(StorageError, match="no such bucket"):
        run_shard(ShardOptions("s3://no-such-bucket/x", destination, "folder"))
    with pytest.raises(StorageError, match="no such bucket"):
        run_shard(ShardOptions(str(tmp_path / "source"), "s3://no-such-bucket/x", "folder"))
    dead = StorageOptions(endpoint="http://127.0.0.1:9")
    with pytest.raises(StorageError, match="no S3 server answers"):
        run_shard(ShardOptions("s3://bucket/x", destination, "folder", storage=dead))
    assert not Path(destination).exists()


@requires_shared
def test_the_validation_images_of_voc_are_all_read(tmp_path: Path) -> None:
    options = ShardOptions(
        str(SHARED / "data/voc"),
        str(tmp_path),
        "folder",
        samples_per_shard=250,
        mask_values="instances",
        ignore_value=255,
        split="val",
    )
    manifest = run_shard(options)
    assert [shard.samples for shard in manifest.shards] == [250, 220]
    assert (manifest.num_samples, manifest.num_objects, manifest.num_quarantined) == (470, 1194, 0)

"""What a folder without `dataset.json` is taken for, and what a person hears if it is not a data set."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.errors import DatasetError
from infra.shards.manifest import load_manifest
from infra.shards.shard_reader import read_shard
from infra.shards.splits import split_of
from infra.storage.files import Storage, join
from tests.infra.sample_factory import encoded, random_pixels

STORAGE = Storage()


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("data/train-00000-of-00002.parquet", "train"),
        ("data/test-00000-of-00001-0123456789abcdef.parquet", "test"),
        ("partial-train/0000.parquet", "train"),
        ("validation/a.parquet", "validation"),
        ("train/val-0.tar", "val"),
        ("dev_set.tar", "dev"),
        ("data/photos-00000-of-00002.parquet", "photos"),
        ("latest/trainer.parquet", ""),
        ("shard-000000.tar", ""),
    ],
)
def test_the_split_of_a_shard_is_told_by_its_path(name: str, split: str) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            [
                "data/train-00000-of-00002.parquet",
                "data/train-00001-of-00002.parquet",
                "data/val-00000-of-00001.parquet",
            ],
            "train (2 shards), val (1 shard)",
        ),
        (["train/0.parquet", "train/1.parquet", "test/0.parquet"], "test (1 shard), train (2 shards)"),
        (["en/train-0.tar", "fr/train-0.tar", "en/test-0.tar"], "test (1 shard), train (2 shards)"),
        (
            ["train.parquet", "validation.parquet", "val.parquet"],
            "train (1 shard), val (1 shard), validation (1 shard)",
        ),
        (["part1-00000-of-00001.tar", "part10-00000-of-00001.tar"], "part1 (1 shard), part10 (1 shard)"),
    ],
)
def test_several_splits_are_named_with_an_address_that_works(
    folder_url: str, names: list[str], said: str
) -> None:
    for name in names:
        STORAGE.write_bytes(join(folder_url, name), b"x")
    with pytest.raises(DatasetError) as caught:
        load_manifest(STORAGE, folder_url)
    message = str(caught.value)
    assert said in message
    one, everything = re.findall(r"'([^']+)'", message)
    chosen = {split_of(shard.name) or split_of(one) for shard in load_manifest(STORAGE, one).shards}
    assert len(chosen) == 1
    assert len(load_manifest(STORAGE, everything).shards) == len(names)


def test_shards_of_one_split_are_one_data_set(tmp_path: Path) -> None:
    for name in ("train-0.tar", "train-1.tar", "extra.tar"):
        (tmp_path / name).write_bytes(b"x")
    assert len(load_manifest(STORAGE, str(tmp_path)).shards) == 3


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a.tar.gz", "b.tar"], r"1 compressed tars, such as a\.tar\.gz: .*gunzip"),
        (["a.tgz"], r"such as a\.tgz"),
        (["data-00000-of-00001.arrow", "state.json"], "1 .arrow, 1 .json; .*to_parquet"),
        (["images/a.jpg", "images/b.JPG"], "images become shards with mfp shard"),
        ([".a.tar"], "begin with a dot are no shards"),
        ([], "no data set at .*see mfp shard"),
    ],
)
def test_what_lies_in_the_place_of_shards_is_named_with_its_remedy(
    tmp_path: Path, names: list[str], said: str
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DatasetError, match=said) as caught:
        load_manifest(STORAGE, str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("x-*.tar", "no data set at"),
        ("x-{000..003}.tar", "give a pattern, in quotes"),
        ("a**b.tar", "no pattern of shards"),
        ("a.tar.gz", "compressed tars"),
        ("a.zip", "but 1 .zip"),
    ],
)
def test_an_address_that_names_no_shard_is_one_line(tmp_path: Path, address: str, said: str) -> None:
    for name in ("a.tar.gz", "a.zip"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DatasetError, match=said) as caught:
        load_manifest(STORAGE, f"{tmp_path}/{address}")
    assert "\n" not in str(caught.value)


def test_shards_are_found_and_read_whatever_the_case_of_their_suffix(tmp_path: Path) -> None:
    for name in ("a.tar", "b.TAR", "c.Tar"):
        with tarfile.open(tmp_path / name, "w"):
            pass
    manifest = load_manifest(STORAGE, str(tmp_path))
    assert [shard.name for shard in manifest.shards] == ["a.tar", "b.TAR", "c.Tar"]
    assert [list(read_shard(STORAGE, manifest.shard_url(shard), shard)) for shard in manifest.shards] == [
        [],
        [],
        [],
    ]
    assert manifest.remarks == ()
    png = encoded(random_pixels(4, 6))
    pq.write_table(pa.table({"image": [png]}), tmp_path / "D.PARQUET")
    (item,) = read_shard(STORAGE, str(tmp_path / "D.PARQUET"))
    assert item.key == "D/000000"


@pytest.mark.parametrize(
    ("names", "remarks"),
    [
        (["a.tar", "b.tar", ".b.tar.crc", "c/.part"], []),
        (
            ["a.tar", "b.tar.part", "c/README.md"],
            ["beside the 1 shards lie 2 other files, which are not read (b.tar.part, c/README.md)"],
        ),
        (
            ["photos.parquet", "test-00000-of-00001.parquet"],
            ["1 shards are of the split test by their names, 1 tell of none (photos.parquet): all are read"],
        ),
    ],
)
def test_what_lies_beside_shards_is_told(folder_url: str, names: list[str], remarks: list[str]) -> None:
    for name in names:
        STORAGE.write_bytes(join(folder_url, name), b"x")
    told = load_manifest(STORAGE, folder_url).remarks
    assert [text.split(";")[0] for text in told] == remarks
    assert load_manifest(STORAGE, join(folder_url, names[0])).remarks == ()

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.errors import DatasetError, LayoutError
from infra.shards.manifest import load_manifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage, join
from tests.infra.sample_factory import sample

STORAGE = Storage()


def keys_of(url: str) -> list[str]:
    manifest = load_manifest(STORAGE, url)
    return [
        item.key
        for shard in manifest.shards
        for item in read_shard(STORAGE, manifest.shard_url(shard), shard)
    ]


def test_a_data_set_loads_as_it_was_written(folder_url: str) -> None:
    written = write_dataset([sample("a"), sample("b")], folder_url, STORAGE, 1)
    assert load_manifest(STORAGE, folder_url) == written
    assert load_manifest(STORAGE, join(folder_url, "dataset.json")) == written
    assert [shard.sha256 is not None for shard in written.shards] == [True, True]


def test_the_fingerprint_changes_with_the_contents_only(tmp_path: Path) -> None:
    first = write_dataset([sample("a")], str(tmp_path / "1"), STORAGE)
    same = write_dataset([sample("a")], str(tmp_path / "2"), STORAGE)
    other = write_dataset([sample("a", attributes={"x": 1})], str(tmp_path / "3"), STORAGE)
    assert first.fingerprint == same.fingerprint != other.fingerprint


def test_shards_without_dataset_json_are_listed(folder_url: str) -> None:
    written = write_dataset([sample("a"), sample("b")], join(folder_url, "deep"), STORAGE, 1)
    STORAGE.delete(join(folder_url, "deep/dataset.json"))
    listed = load_manifest(STORAGE, folder_url)
    assert [shard.name for shard in listed.shards] == ["deep/shard-000000.tar", "deep/shard-000001.tar"]
    assert [shard.bytes for shard in listed.shards] == [shard.bytes for shard in written.shards]
    assert (listed.num_samples, listed.num_objects, listed.num_quarantined) == (None, None, None)
    assert keys_of(folder_url) == ["a", "b"]
    assert load_manifest(STORAGE, folder_url).fingerprint == listed.fingerprint
    STORAGE.write_bytes(
        join(folder_url, "deep/shard-000001.tar"),
        STORAGE.read_bytes(join(folder_url, "deep/shard-000000.tar")),
    )
    assert load_manifest(STORAGE, folder_url).fingerprint != listed.fingerprint


def test_one_shard_is_a_data_set(folder_url: str) -> None:
    write_dataset([sample("a"), sample("b")], folder_url, STORAGE, 1)
    assert keys_of(join(folder_url, "shard-000001.tar")) == ["b"]


def test_writing_again_replaces_the_data_set(folder_url: str) -> None:
    write_dataset([sample(str(idx)) for idx in range(3)], folder_url, STORAGE, 1)
    write_dataset([sample("new")], folder_url, STORAGE, 1)
    assert keys_of(folder_url) == ["new"]
    assert [url.rsplit("/", 1)[1] for url in STORAGE.list(folder_url)] == ["dataset.json", "shard-000000.tar"]


def test_half_a_data_set_is_never_taken_for_one(folder_url: str) -> None:
    def cut_off() -> Iterator[Sample]:
        yield sample("a")
        yield sample("b")
        raise LayoutError("the source broke")

    write_dataset([sample("old")], folder_url, STORAGE)
    with pytest.raises(LayoutError, match="the source broke"):
        write_dataset(cut_off(), folder_url, STORAGE, 1)
    with pytest.raises(DatasetError, match="is not complete") as caught:
        load_manifest(STORAGE, folder_url)
    assert "\n" not in str(caught.value)
    write_dataset([sample("new")], folder_url, STORAGE)
    assert keys_of(folder_url) == ["new"]


def test_an_error_before_the_first_sample_leaves_the_old_data_set(tmp_path: Path) -> None:
    write_dataset([sample("old")], str(tmp_path), STORAGE)
    with pytest.raises(DatasetError, match="no samples"):
        write_dataset([], str(tmp_path), STORAGE)
    assert keys_of(str(tmp_path)) == ["old"]


def test_shards_of_someone_else_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "shard-000000.tar").write_bytes(b"precious")
    with pytest.raises(DatasetError, match=r"without dataset\.json: choose an empty folder"):
        write_dataset([sample("a")], str(tmp_path), STORAGE)
    assert (tmp_path / "shard-000000.tar").read_bytes() == b"precious"


def test_less_than_one_sample_a_shard_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="samples per shard is 0"):
        write_dataset([sample("a")], str(tmp_path), STORAGE, 0)


def test_no_data_set_is_one_line(folder_url: str) -> None:
    with pytest.raises(DatasetError, match="no data set at") as caught:
        load_manifest(STORAGE, folder_url)
    assert "\n" not in str(caught.value)


def test_two_kinds_of_shards_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar").touch()
    (tmp_path / "b.parquet").touch()
    with pytest.raises(DatasetError, match="name the folder of one kind"):
        load_manifest(STORAGE, str(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ('{"format": "mfp-dataset", "version": 99}', "has version 99, this program reads 1"),
        ('{"format": "mfp-dataset", "version": 1, "complete": true}', "is not what mfp shard writes"),
        ('{"format": "mfp-dataset", "version": 1, "complete": true, "shards": [{"x": 1}]}', "is not what"),
        ('{"format": "else"}', "no data set at"),
    ],
)
def test_a_broken_dataset_json_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(DatasetError, match=message):
        load_manifest(STORAGE, str(tmp_path))


@pytest.mark.parametrize("name", ["../x.tar", "/etc/x.tar", "a/../../x.tar", "x.txt"])
def test_shard_names_stay_below_the_data_set(tmp_path: Path, name: str) -> None:
    shards = [{"name": name, "bytes": 1, "samples": 1, "objects": 1, "sha256": "0"}]
    document = {"format": "mfp-dataset", "version": 1, "complete": True, "shards": shards}
    (tmp_path / "dataset.json").write_text(json.dumps(document))
    with pytest.raises(DatasetError, match="names a shard"):
        load_manifest(STORAGE, str(tmp_path))

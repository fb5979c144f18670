from __future__ import annotations

import dataclasses
import io
import json
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import DatasetError, Reason
from infra.json_text import JsonValue
from infra.shards import tar_stream
from infra.shards.manifest import load_manifest
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_reader import read_shard
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage, join
from tests.infra.sample_factory import encoded, random_pixels, sample

STORAGE = Storage()


def read_all(url: str) -> list[ShardItem]:
    manifest = load_manifest(STORAGE, url)
    return [
        item for shard in manifest.shards for item in read_shard(STORAGE, manifest.shard_url(shard), shard)
    ]


def write_tar(path: Path, members: list[tuple[str, bytes]]) -> str:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return str(path)


def records(items: list[ShardItem]) -> list[tuple[str, str | None, Reason]]:
    return [(item.key, item.object_id, item.reason) for item in items if isinstance(item, QuarantinedSample)]


def test_samples_come_back_in_order_from_any_storage(folder_url: str) -> None:
    samples = [sample(f"dir/{idx}", attributes={"idx": idx, "list": [1, None]}) for idx in range(7)]
    manifest = write_dataset(samples, folder_url, STORAGE, samples_per_shard=3)
    assert [(shard.samples, shard.objects) for shard in manifest.shards] == [(3, 6), (3, 6), (1, 2)]
    assert (manifest.num_samples, manifest.num_objects, manifest.num_quarantined) == (7, 14, 0)
    assert read_all(folder_url) == samples


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(st.text(), children, max_size=2),
    max_leaves=4,
)
components = st.text(
    st.characters(blacklist_characters="/", blacklist_categories=["C", "Z"]), min_size=1, max_size=40
)
keys = st.lists(components.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=4).map("/".join)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(keys, st.dictionaries(st.text(), json_values, max_size=2)),
        min_size=1,
        max_size=5,
        unique_by=lambda item: item[0],
    )
)
def test_any_key_and_attributes_come_back(contents: list[tuple[str, dict[str, JsonValue]]]) -> None:
    prototype = sample("x")
    samples = [dataclasses.replace(prototype, key=key, attributes=attributes) for key, attributes in contents]
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(samples, folder, STORAGE, samples_per_shard=2)
        assert read_all(folder) == samples


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_dataset([sample("ä.b"), sample("c" * 120)], str(tmp_path / name), STORAGE)
    assert (tmp_path / "one/shard-000000.tar").read_bytes() == (
        tmp_path / "two/shard-000000.tar"
    ).read_bytes()
    assert (tmp_path / "one/dataset.json").read_bytes() == (tmp_path / "two/dataset.json").read_bytes()


def test_a_shard_is_what_other_webdataset_readers_expect(tmp_path: Path) -> None:
    write_dataset([sample("a/b.c"), sample("d")], str(tmp_path), STORAGE)
    with tarfile.open(tmp_path / "shard-000000.tar") as tar:
        assert tar.getnames() == ["a/b%2Ec.png", "a/b%2Ec.json", "d.png", "d.json"]
        assert {member.mtime for member in tar.getmembers()} == {0}
        stream = tar.extractfile("a/b%2Ec.json")
        assert stream is not None
        document = json.load(stream)
    assert document["key"] == "a/b.c"
    assert document["objects"][0]["segmentation"]["size"] == [12, 16]
    assert isinstance(document["objects"][0]["segmentation"]["counts"], str)


def test_what_was_set_aside_stays_in_the_shards(folder_url: str) -> None:
    broken = QuarantinedSample("a", Reason.MASK_SIZE_MISMATCH, "detail")
    object_record = QuarantinedSample("b", Reason.EMPTY_OBJECT, "detail", "7")
    items: list[ShardItem] = [
        broken,
        object_record,
        sample("b"),
        QuarantinedSample("c", Reason.MISSING_MASK, ""),
        QuarantinedSample("d", Reason.EMPTY_OBJECT, "both objects of d, of which nothing is left", "1"),
        QuarantinedSample("d", Reason.MASK_SIZE_MISMATCH, "detail", "2"),
    ]
    manifest = write_dataset(items, folder_url, STORAGE)
    assert (manifest.num_samples, manifest.num_quarantined) == (1, 5)
    assert read_all(folder_url) == items


def test_a_sample_whose_image_is_gone_is_missing_its_image_beside_what_was_set_aside(tmp_path: Path) -> None:
    document = {"key": "a", "objects": [], "quarantined": [{"object_id": "7", "reason": "empty_object"}]}
    url = write_tar(tmp_path / "x.tar", [("a.json", json.dumps(document).encode())])
    found = records(list(read_shard(STORAGE, url)))
    assert found == [("a", "7", Reason.EMPTY_OBJECT), ("a", None, Reason.MISSING_IMAGE)]


def test_a_key_that_is_used_twice_is_set_aside(tmp_path: Path) -> None:
    manifest = write_dataset([sample("a"), sample("b"), sample("a"), sample("a")], str(tmp_path), STORAGE, 1)
    assert (manifest.num_samples, manifest.num_quarantined) == (2, 2)
    assert records(read_all(str(tmp_path))) == [("a", None, Reason.DUPLICATE_KEY)] * 2


@pytest.mark.parametrize("key", ["", "../x", "/x", "a//b", "a/", "./a", "line\nbreak", "\udce9", "nul\0"])
def test_a_key_that_is_no_name_is_set_aside(tmp_path: Path, key: str) -> None:
    write_dataset([sample(key), sample("good")], str(tmp_path), STORAGE)
    items = read_all(str(tmp_path))
    assert [item.key for item in items if isinstance(item, Sample)] == ["good"]
    assert [reason for _, _, reason in records(items)] == [Reason.BAD_METADATA]
    assert all(item.key.encode() for item in items if item.key)


def test_attributes_that_are_no_json_set_their_sample_aside(tmp_path: Path) -> None:
    write_dataset([sample("a", attributes={"x": float("nan")}), sample("b")], str(tmp_path), STORAGE)
    assert records(read_all(str(tmp_path))) == [("a", None, Reason.BAD_METADATA)]


def test_members_of_other_programs_are_read_for_their_images(tmp_path: Path) -> None:
    jpg, png = encoded(random_pixels(4, 6), "JPEG"), encoded(random_pixels(4, 6))
    members = [
        ("./a/x.JPG", jpg),
        ("./a/x.txt", b"a caption"),
        ("./a/._x.jpg", b"of a file manager"),
        ("y.seg.png", png),
        ("y.jpeg", jpg),
        ("y.json", b'{"caption": "y", "key": "y"}'),
        ("only.txt", b"no image, no metadata"),
    ]
    items = list(read_shard(STORAGE, write_tar(tmp_path / "x.tar", members)))
    assert [(item.key, item.extension, item.objects) for item in items if isinstance(item, Sample)] == [
        ("a/x", "jpg", ()),
        ("y", "jpg", ()),
    ]
    assert records(items) == []


def test_a_member_name_is_never_a_path(tmp_path: Path) -> None:
    png = encoded(random_pixels(4, 6))
    shard = write_tar(tmp_path / "x.tar", [("../../escaped.png", png), ("/absolute.png", png)])
    assert [item.key for item in read_shard(STORAGE, shard)] == ["../../escaped", "/absolute"]
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_names_that_no_table_can_store_are_records_with_escapes(tmp_path: Path) -> None:
    png = encoded(random_pixels(4, 6))
    objects = [{"object_id": "\udce9", "segmentation": {"size": [4, 6], "counts": [4, 8, 12]}}]
    members = [("a\udce9.png", png), ("b.png", png), ("b.json", json.dumps({"objects": objects}).encode())]
    items = list(read_shard(STORAGE, write_tar(tmp_path / "x.tar", members)))
    assert records(items) == [
        ("a\\udce9", None, Reason.BAD_METADATA),
        ("b", "\\udce9", Reason.BAD_METADATA),
    ]


OBJECT = {"object_id": "1", "segmentation": {"size": [4, 6], "counts": "04d0"}}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b"{", [("x", None, Reason.BAD_METADATA)]),
        (b"[" * 100_000, [("x", None, Reason.BAD_METADATA)]),
        (b"[]", [("x", None, Reason.BAD_METADATA)]),
        ({"objects": 3}, [("x", None, Reason.BAD_METADATA)]),
        ({"attributes": [1]}, [("x", None, Reason.BAD_METADATA)]),
        ({"objects": [{"segmentation": {}}]}, [("x", None, Reason.BAD_METADATA)]),
        (
            {"objects": [{"object_id": "1", "segmentation": [[0, 1, 2, 3, 4, 5]]}]},
            [("x", None, Reason.BAD_METADATA)],
        ),
        ({"objects": [{"object_id": "1"}]}, [("x", "1", Reason.BAD_METADATA)]),
        ({"height": 5, "width": 6}, [("x", None, Reason.MASK_SIZE_MISMATCH)]),
        ({"height": "4", "width": 6}, [("x", None, Reason.BAD_METADATA)]),
        ({"height": 4}, [("x", None, Reason.BAD_METADATA)]),
        ({"ignore": {"size": [6, 4], "counts": "0"}}, [("x", None, Reason.MASK_SIZE_MISMATCH)]),
        ({"quarantined": [{"reason": "unheard of"}]}, [("x", None, Reason.BAD_METADATA)]),
    ],
)
def test_metadata_that_are_wrong_set_aside_what_they_spoil(
    tmp_path: Path, document: bytes | dict[str, object], expected: list[tuple[str, str | None, Reason]]
) -> None:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    png = encoded(random_pixels(4, 6))
    shard = write_tar(tmp_path / "x.tar", [("x.png", png), ("x.json", data), ("z.png", png)])
    items = list(read_shard(STORAGE, shard))
    assert records(items) == expected
    assert [item.key for item in items if isinstance(item, Sample)] == ["z"]


def test_one_broken_object_leaves_the_others(tmp_path: Path) -> None:
    objects = [
        {"object_id": 1, "segmentation": {"size": [4, 6], "counts": [4, 8, 12]}},
        {"object_id": "size", "segmentation": {"size": [6, 4], "counts": [4, 8, 12]}},
        {"object_id": "sum", "segmentation": {"size": [4, 6], "counts": [4, 8]}},
        {"object_id": "empty", "segmentation": {"size": [4, 6], "counts": [24]}},
        {"object_id": "text", "segmentation": {"size": [4, 6], "counts": "ü~"}},
        {"object_id": "1", "segmentation": {"size": [4, 6], "counts": [24, 0]}},
        {"object_id": "huge", "segmentation": {"size": [4, 6], "counts": [2**70]}},
    ]
    members = [("x.png", encoded(random_pixels(4, 6))), ("x.json", json.dumps({"objects": objects}).encode())]
    items = list(read_shard(STORAGE, write_tar(tmp_path / "x.tar", members)))
    (good,) = [item for item in items if isinstance(item, Sample)]
    assert [truth.object_id for truth in good.objects] == ["1"]
    assert records(items) == [
        ("x", "size", Reason.MASK_SIZE_MISMATCH),
        ("x", "sum", Reason.BAD_METADATA),
        ("x", "empty", Reason.EMPTY_OBJECT),
        ("x", "text", Reason.BAD_METADATA),
        ("x", "1", Reason.BAD_METADATA),
        ("x", "huge", Reason.BAD_METADATA),
    ]


def test_images_that_cannot_be_used_are_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    png = encoded(random_pixels(4, 6))
    monkeypatch.setattr(tar_stream, "MAX_MEMBER_BYTES", 1000)
    members = [
        ("text.jpg", b"text"),
        ("two.jpg", png),
        ("two.png", png),
        ("alone.json", b"{}"),
        ("large.png", png + bytes(1000)),
        ("good.png", png),
        ("x.png", png),
        ("good.json", b"{}"),
        ("x.png", png),
    ]
    items = list(read_shard(STORAGE, write_tar(tmp_path / "x.tar", members)))
    assert records(items) == [
        ("text", None, Reason.UNDECODABLE_IMAGE),
        ("two", None, Reason.BAD_METADATA),
        ("alone", None, Reason.MISSING_IMAGE),
        ("large", None, Reason.IMAGE_TOO_LARGE),
        ("good", None, Reason.MISSING_IMAGE),  # its members are not adjacent
        ("x", None, Reason.DUPLICATE_KEY),
    ]
    assert [item.key for item in items if isinstance(item, Sample)] == ["good", "x"]


@pytest.fixture
def one_shard(tmp_path: Path) -> Path:
    write_dataset([sample(str(idx), 40, 40) for idx in range(5)], str(tmp_path), STORAGE)
    return tmp_path / "shard-000000.tar"


@pytest.mark.parametrize("size", [0, 100, 512, 700, 9000, 20480])
@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_shard_that_is_cut_off_ends_with_an_error(one_shard: Path, size: int, with_manifest: bool) -> None:
    shard = load_manifest(STORAGE, str(one_shard.parent)).shards[0]
    data = one_shard.read_bytes()
    assert len(data) > size
    one_shard.write_bytes(data[:size])
    with pytest.raises(DatasetError, match=r"shard-000000.tar is broken after") as caught:
        list(read_shard(STORAGE, str(one_shard), shard if with_manifest else None))
    assert "\n" not in str(caught.value)


def test_a_shard_that_was_changed_ends_with_an_error(one_shard: Path) -> None:
    shard = load_manifest(STORAGE, str(one_shard.parent)).shards[0]
    data = bytearray(one_shard.read_bytes())
    data[700] ^= 1
    one_shard.write_bytes(data)
    with pytest.raises(DatasetError, match="does not have the checksum"):
        list(read_shard(STORAGE, str(one_shard), shard))
    one_shard.write_bytes(bytes(data) + bytes(512))
    with pytest.raises(DatasetError, match=r"has \d+ bytes, the data set says \d+"):
        list(read_shard(STORAGE, str(one_shard), shard))


def test_a_broken_header_in_the_middle_is_not_taken_for_the_end(one_shard: Path) -> None:
    with tarfile.open(one_shard) as tar:
        offset = tar.getmembers()[4].offset
    data = bytearray(one_shard.read_bytes())
    data[offset + 5] ^= 1
    one_shard.write_bytes(data)
    with pytest.raises(DatasetError, match="bad checksum"):
        list(read_shard(STORAGE, str(one_shard)))


def test_a_missing_shard_is_named(one_shard: Path) -> None:
    manifest = load_manifest(STORAGE, str(one_shard.parent))
    one_shard.unlink()
    with pytest.raises(Exception, match="there is no such file"):
        list(read_shard(STORAGE, manifest.shard_url(manifest.shards[0])))
    with pytest.raises(DatasetError, match=r"neither \.tar nor \.parquet"):
        read_shard(STORAGE, join(manifest.url, "x.zip"))

"""What every layout promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import LayoutError, StorageError
from infra.layout_options import LayoutOptions
from infra.layouts import LAYOUTS
from infra.layouts.read_ahead import NUM_AHEAD
from infra.shards.sample import Sample
from infra.storage.files import Storage, join
from infra.storage.options import StorageOptions
from tests.infra.layouts.sources import image_file, mask_file, read_all, rectangle, sbd_file

MASK = rectangle(slice(2, 8), slice(2, 8))
IMAGE_AND_MASK = {
    "folder": ("images/{}.jpg", "masks/{}.png"),
    "grabcut": ("data_GT/{}.jpg", "boundary_GT/{}.bmp"),
    "berkeley": ("images/{}.jpg", "masks/{}.png"),
    "davis": ("img/{}.jpg", "gt/{}.png"),
    "voc": ("JPEGImages/{}.jpg", "SegmentationObject/{}.png"),
    "sbd": ("img/{}.jpg", "inst/{}.mat"),
}
LOOKS_LIKE = {"folder": "folder (or berkeley)", "berkeley": "folder (or berkeley)"}


def write_source(folder: Path, layout: str, stems: list[str]) -> None:
    image, mask = IMAGE_AND_MASK[layout]
    for stem in stems:
        image_file(folder / image.format(stem))
        if layout == "sbd":
            sbd_file(folder / mask.format(stem), MASK)
        else:
            # VOC ignores 255
            mask_file(folder / mask.format(stem), MASK // 255 if layout == "voc" else MASK)


@pytest.mark.parametrize("layout", IMAGE_AND_MASK)
def test_samples_come_in_the_order_of_their_keys(tmp_path: Path, layout: str) -> None:
    write_source(tmp_path, layout, ["b", "a10", "a2", "c.d"])
    samples, quarantined = read_all(layout, tmp_path)
    assert not quarantined
    assert [sample.key for sample in samples] == ["a10", "a2", "b", "c.d"]


@pytest.mark.parametrize("layout", IMAGE_AND_MASK)
def test_a_source_of_any_size_is_read_a_few_samples_ahead(tmp_path: Path, layout: str) -> None:
    class CountingStorage(Storage):
        def read_bytes(self, url: str) -> bytes:
            read.append(url)
            return super().read_bytes(url)

    read: list[str] = []
    write_source(tmp_path, layout, [f"{idx:02}" for idx in range(2 * NUM_AHEAD)])
    items = LAYOUTS[layout].read(str(tmp_path), CountingStorage(), LayoutOptions())
    assert any(isinstance(item, Sample) for item in items)
    assert len(read) <= 2 * NUM_AHEAD  # an image and its mask each


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "folder"])
@pytest.mark.parametrize("found", IMAGE_AND_MASK)
def test_a_source_of_another_layout_is_refused_by_its_name(tmp_path: Path, layout: str, found: str) -> None:
    if {layout, found} <= {"folder", "berkeley"} or layout == found:
        return
    write_source(tmp_path, found, ["a"])
    with pytest.raises(LayoutError) as raised:
        read_all(layout, tmp_path)
    message = str(raised.value)
    assert message.startswith(f"{tmp_path} is not of layout {layout if layout != 'lvis' else 'coco'}")
    assert message.endswith(f"looks like layout {LOOKS_LIKE.get(found, found)}")
    assert "\n" not in message


def test_a_folder_of_no_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="it looks like no layout that is known"):
        read_all("voc", tmp_path)


@pytest.mark.parametrize(
    "layout", [name for name in IMAGE_AND_MASK if name not in {"folder", "grabcut", "berkeley"}]
)
def test_masks_without_images_are_a_wrong_layout_not_a_run_of_errors(tmp_path: Path, layout: str) -> None:
    write_source(tmp_path, layout, ["a"])
    (tmp_path / IMAGE_AND_MASK[layout][0].format("a")).unlink()
    with pytest.raises(LayoutError, match="one of them has no such files"):
        read_all(layout, tmp_path)


@pytest.mark.parametrize("layout", IMAGE_AND_MASK)
def test_a_bucket_is_read_like_a_folder(tmp_path: Path, s3_bucket: str, layout: str) -> None:
    storage = Storage()
    write_source(tmp_path, layout, ["a", "b/c"])
    for path in tmp_path.rglob("*"):
        if path.is_file():
            storage.write_bytes(
                join(s3_bucket, "set", path.relative_to(tmp_path).as_posix()), path.read_bytes()
            )
    from_bucket = list(LAYOUTS[layout].read(f"{s3_bucket}/set", storage, LayoutOptions()))
    assert from_bucket == list(LAYOUTS[layout].read(str(tmp_path), storage, LayoutOptions()))
    assert [item.key for item in from_bucket if isinstance(item, Sample)] == ["a", "b/c"]


def test_a_missing_bucket_and_a_dead_server_are_said_in_one_line(s3_endpoint: str) -> None:
    with pytest.raises(StorageError, match="no such bucket"):
        list(LAYOUTS["voc"].read("s3://never-made/voc", Storage(), LayoutOptions()))
    dead = Storage(StorageOptions(endpoint="http://127.0.0.1:9"))
    with pytest.raises(StorageError, match="answer"):
        list(LAYOUTS["voc"].read("s3://bucket/voc", dead, LayoutOptions()))

"""What each format's own readers look at is where they look for it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pycocotools import coco as coco_api
from pycocotools import mask as coco_mask

from infra import rle
from infra.exports import datasets as datasets_format
from infra.exports.coco import COCO
from infra.exports.datasets import DATASETS
from infra.exports.lvis import LVIS
from infra.exports.png import PNG
from infra.exports.voc import VOC
from infra.exports.voc_annotation import objects_of
from tests.infra.exports.drawn_samples import exported_sample, target_at, write

# pycocotools 2.0 with NumPy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LEFT, RIGHT = np.zeros((4, 6), bool), np.zeros((4, 6), bool)
LEFT[1:3, :2], RIGHT[:, 4:] = True, True
FIRST = exported_sample("a/first", [LEFT, RIGHT], ["cat", "dog"])
SECOND = exported_sample("second", [RIGHT], ["dog"])


@pytest.mark.parametrize("shape", ["rle", "polygons"])
def test_pycocotools_reads_the_masks_of_coco(shape: str, tmp_path: Path) -> None:
    write(COCO, target_at(tmp_path, shape), [FIRST, SECOND])  # type: ignore[arg-type]
    with contextlib.redirect_stdout(io.StringIO()):
        api = coco_api.COCO(str(tmp_path / "annotations.json"))
    assert [api.imgs[number]["file_name"] for number in (1, 2)] == ["a/first.png", "second.png"]
    assert [category["name"] for category in api.loadCats([1, 2])] == ["cat", "dog"]
    found: Any = api.loadAnns(api.getAnnIds(imgIds=[1]))
    assert [api.annToMask(one).astype(bool).tolist() for one in found] == [LEFT.tolist(), RIGHT.tolist()]
    assert found[0]["bbox"] == [0, 1, 2, 2]
    assert (found[0]["object_id"], found[0]["num_clicks"]) == ("1", 3)


def test_an_image_prefix_stands_before_the_names(tmp_path: Path) -> None:
    for known in (COCO, LVIS):
        folder = tmp_path / known.name
        write(known, target_at(folder, prefix="s3://bucket/x/"), [SECOND])
        (image,) = json.loads((folder / "annotations.json").read_text())["images"]
        assert image["file_name"] == "s3://bucket/x/second.png"
    assert image["coco_url"] == "s3://bucket/x/second.png"


def test_lvis_says_how_frequent_and_how_complete_classes_are(tmp_path: Path) -> None:
    many = [exported_sample(f"s{number}", [RIGHT], ["dog"]) for number in range(10)]
    write(LVIS, target_at(tmp_path), [FIRST, replace(SECOND, is_partial=True), *many])
    document = json.loads((tmp_path / "annotations.json").read_text())
    cat, dog = document["categories"]
    assert (cat["name"], cat["frequency"], cat["image_count"], cat["instance_count"]) == ("cat", "r", 1, 1)
    assert (dog["name"], dog["frequency"], dog["image_count"], dog["instance_count"]) == ("dog", "c", 12, 12)
    assert {"synset", "synonyms", "def"} <= cat.keys()
    first, second = document["images"][:2]
    assert (first["neg_category_ids"], first["not_exhaustive_category_ids"]) == ([], [])
    assert second["not_exhaustive_category_ids"] == [dog["id"]], "objects of it are left out"
    assert first["coco_url"] == "images/a/first.png"
    assert "iscrowd" not in document["annotations"][0]


def test_pillow_and_opencv_read_0_and_255_from_the_files_that_the_index_of_png_names(tmp_path: Path) -> None:
    write(PNG, target_at(tmp_path), [FIRST])
    with (tmp_path / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["masks/a/first/1.png", "masks/a/first/2.png"]
    assert [rows[0][name] for name in ("x", "y", "w", "h", "area")] == ["0", "1", "2", "2", "4"]
    for row, mask in zip(rows, (LEFT, RIGHT), strict=True):
        with Image.open(tmp_path / row["file"]) as image:
            assert (image.mode, image.size) == ("L", (6, 4))
            assert (np.array(image) == mask * 255).all()
        pixels = cv2.imread(str(tmp_path / row["file"]), cv2.IMREAD_UNCHANGED)
        assert pixels is not None and pixels.dtype == np.uint8
        assert (pixels == mask * 255).all()


def test_voc_looks_as_its_development_kit_expects(tmp_path: Path) -> None:
    write(VOC, target_at(tmp_path, split="val"), [FIRST, SECOND])
    with Image.open(tmp_path / "SegmentationObject/a/first.png") as image:
        assert image.mode == "P"
        assert (np.array(image) == LEFT + 2 * RIGHT).all()
        palette = np.array(image.getpalette()).reshape(-1, 3)
    assert palette[[0, 1, 2, 15]].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [192, 128, 128]]
    with Image.open(tmp_path / "SegmentationClass/second.png") as image:
        assert (np.array(image) == 2 * RIGHT).all(), "the class keeps its number from image to image"
    assert (tmp_path / "ImageSets/Segmentation/val.txt").read_text() == "a/first\nsecond\n"
    assert (tmp_path / "labelmap.txt").read_text().split("\n")[1:] == [
        "background:0,0,0::",
        "cat:128,0,0::",
        "dog:0,128,0::",
        "",
    ]
    xml = (tmp_path / "Annotations/a/first.xml").read_text()
    for line in ("<width>6</width>", "<height>4</height>", "<filename>a/first.png</filename>"):
        assert line in xml
    box = [
        f"<{name}>{value}</{name}>"
        for name, value in zip(("xmin", "ymin", "xmax", "ymax"), (1, 2, 2, 3), strict=True)
    ]
    assert all(line in xml for line in box), "pixels count from 1, both ends inside"
    assert [one.category for one in objects_of(xml.encode(), "x")[1]] == ["cat", "dog"]


def test_datasets_has_features_and_rows_that_pycocotools_decodes(tmp_path: Path) -> None:
    write(DATASETS, target_at(tmp_path), [FIRST, SECOND])
    table = pq.read_table(tmp_path / "data/train-00000.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["objects"][0]["rle"]["counts"] == {"dtype": "string", "_type": "Value"}
    row = table.to_pylist()[0]
    assert row["image"] == {"bytes": FIRST.image_bytes, "path": "a/first.png"}
    assert (coco_mask.decode(row["objects"][0]["rle"]).astype(bool) == LEFT).all()
    assert (row["objects"][1]["bbox"], row["objects"][1]["num_clicks"]) == ([4, 0, 2, 4], 3)
    assert "path: data/*.parquet" in (tmp_path / "README.md").read_text()


def test_files_and_row_groups_of_datasets_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(SECOND.image_bytes) + len(SECOND.objects[0].rle)
    monkeypatch.setattr(datasets_format, "MAX_GROUP_BYTES", 3 * size)
    monkeypatch.setattr(datasets_format, "MAX_FILE_BYTES", 7 * size)
    write(DATASETS, target_at(tmp_path), [replace(SECOND, key=f"k{number}") for number in range(20)])
    files = sorted((tmp_path / "data").iterdir())
    groups = [
        [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]
        for file in map(pq.ParquetFile, files)
    ]
    assert groups == [[3, 3, 1], [3, 3, 1], [3, 3]]


def test_the_counts_in_json_are_those_of_the_run(tmp_path: Path) -> None:
    write(COCO, target_at(tmp_path), [SECOND])
    (entry,) = json.loads((tmp_path / "annotations.json").read_text())["annotations"]
    assert entry["segmentation"] == {"size": [4, 6], "counts": rle.encode(RIGHT).decode()}

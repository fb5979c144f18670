"""Starts from COCO's JSON: ids and keys are those of the layout, and results find their samples."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra import rle
from infra.errors import StartError
from infra.layout_options import LayoutOptions
from infra.starts.load import load_boxes, load_masks
from infra.starts.starts import GivenBox, GivenMask
from infra.storage.files import Storage
from tests.infra.layouts.coco_source import TRIANGLE, annotation, image, write_source
from tests.infra.layouts.sources import HEIGHT, WIDTH, read_all

STORAGE, STANDARD = Storage(), LayoutOptions()
MASK = np.zeros((HEIGHT, WIDTH), np.bool_)
MASK[2:5, 3:9] = True
COMPRESSED = {"size": [HEIGHT, WIDTH], "counts": rle.encode(MASK).decode()}
UNCOMPRESSED = {"size": [HEIGHT, WIDTH], "counts": [5, HEIGHT * WIDTH - 5]}
EMPTY = {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}


def write_json(path: Path, content: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


def result(image_id: Any, **more: Any) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": 1, "score": 0.5} | more


def masks_of_source(folder: Path, options: LayoutOptions = STANDARD) -> dict[str, list[tuple[str, bytes]]]:
    samples, quarantined = read_all("coco", folder, options)
    assert not quarantined
    return {sample.key: [(truth.object_id, truth.rle) for truth in sample.objects] for sample in samples}


@pytest.mark.parametrize(
    ("path", "images_folder", "names"),
    [
        ("instances.json", "images", ["1.jpg", "a/b.jpg"]),
        ("annotations/instances_val2017.json", "val2017", ["1.jpg", "a/b.jpg"]),
        ("annotations/instances_val2017.json", ".", ["val2017/1.jpg", "val2017/a.b.jpg"]),
        ("train/_annotations.coco.json", "train", ["1_png.rf.0f3a.jpg", "x.jpg"]),
        ("instances.json", "images", [unicodedata.normalize("NFD", "Äpfel.jpg"), "2.jpg"]),
    ],
)
def test_keys_ids_and_masks_are_those_that_the_layout_makes_of_the_same_file(
    tmp_path: Path, path: str, images_folder: str, names: list[str]
) -> None:
    images = [image(number, file_name=name) for number, name in enumerate(names, 7)]
    annotations = [
        annotation(30, 8),
        annotation("x7", 7, COMPRESSED),
        annotation(25.0, 8, UNCOMPRESSED),
        annotation(4, 8, UNCOMPRESSED, iscrowd=1),
    ]
    write_source(tmp_path, images, annotations, path, images_folder)
    sharded = masks_of_source(tmp_path)
    starts = load_masks(STORAGE, str(tmp_path / path))
    assert {
        key: [(given.object_id, given.rle) for given in map(as_mask, starts.of_sample(key).values())]
        for key in sharded
    } == sharded
    assert starts.sample_keys.to_pylist() == sorted(sharded)
    assert starts.num_objects == 3
    assert any("1 crowd regions" in line for line in starts.notices)


def as_mask(given: object) -> GivenMask:
    assert isinstance(given, GivenMask)
    return given


def test_crowd_regions_are_objects_if_the_layout_took_them(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1), annotation(2, 1, UNCOMPRESSED, iscrowd=1)])
    options = LayoutOptions(crowd="objects")
    starts = load_masks(STORAGE, str(tmp_path / "instances.json"), options)
    (key,) = starts.sample_keys.to_pylist()
    assert [name for name, _ in masks_of_source(tmp_path, options)[key]] == list(starts.of_sample(key))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("C:\\photos\\cats\\1.jpg", "cats/1"),
        ("/home/kim/images/cats/1.jpg", "1"),
        ("https://example.org/set/cats/1.jpg?size=9", "cats/1"),
        ("/data/upload/3/ab12cd34-x.jpg", "x"),
        ("file:///x/white%20cat.jpg", "white cat"),
    ],
)
def test_a_sample_finds_the_path_of_another_place_that_ends_with_its_key(
    tmp_path: Path, name: str, key: str
) -> None:
    url = write_json(
        tmp_path / "old_model.json",
        {"images": [image(1, file_name=name), image(2)], "annotations": [annotation(5, 1), annotation(6, 2)]},
    )
    starts = load_masks(STORAGE, url)
    assert list(starts.of_sample(key)) == ["5"]
    assert starts.of_sample(f"other/{key}") == {}
    assert starts.unused_keys([key]) == ["000000000002"]


@pytest.mark.parametrize("name", ["cats/1.jpg", "cats\\1.jpg", "./cats/1.jpg"])
def test_a_relative_path_belongs_to_the_sample_of_its_key_alone(tmp_path: Path, name: str) -> None:
    content = {"images": [image(1, file_name=name)], "annotations": [annotation(5, 1)]}
    starts = load_masks(STORAGE, write_json(tmp_path / "m.json", content))
    assert list(starts.of_sample("cats/1")) == ["5"]
    assert [starts.of_sample(key) for key in ("1", "dogs/1", "dogs/cats/1")] == [{}] * 3


def test_an_image_id_belongs_to_no_sample_in_a_folder_that_is_no_split_of_coco(tmp_path: Path) -> None:
    starts = load_masks(STORAGE, write_json(tmp_path / "r.json", [result(1, segmentation=COMPRESSED)]))
    name = "000000000001"
    for key in ("1", name, f"COCO_val2014_{name}", f"val2017/{name}", f"train2014/COCO_train2014_{name}"):
        assert list(starts.of_sample(key)) == ["auto-000001"]
    for key in ("cats/1", "dogs/1", f"cats/{name}", "val2017/1", "01", f"x/val2017/{name}"):
        assert starts.of_sample(key) == {}


def test_a_key_that_ends_several_paths_finds_none_of_them(tmp_path: Path) -> None:
    images = [image(1, file_name="/x/a/1.jpg"), image(2, file_name="/x/b/1.jpg")]
    url = write_json(
        tmp_path / "m.json", {"images": images, "annotations": [annotation(5, 1), annotation(6, 2)]}
    )
    starts = load_masks(STORAGE, url)
    assert [list(starts.of_sample(key)) for key in ("1", "a/1", "b/1")] == [[], ["5"], ["6"]]


def test_an_empty_mask_is_kept_and_an_entry_without_one_is_counted(tmp_path: Path) -> None:
    annotations = [annotation(1, 1, EMPTY), annotation(2, 1, []), annotation(3, 1, None)]
    url = write_json(tmp_path / "m.json", {"images": [image(1)], "annotations": annotations})
    starts = load_masks(STORAGE, url)
    (given,) = map(as_mask, starts.of_sample("000000000001").values())
    assert rle.area(given.rle, given.height, given.width) == 0
    assert starts.notices == (f"masks {url}: 2 entries without a segmentation: left out",)


def test_results_are_found_by_the_number_that_a_key_ends_with(tmp_path: Path) -> None:
    results = [
        result(139, segmentation=COMPRESSED, score=0.25),
        result(7, segmentation=UNCOMPRESSED),
        result(139, segmentation=EMPTY, score=1),
    ]
    starts = load_masks(STORAGE, write_json(tmp_path / "results.json", results))
    for key in ("000000000139", "val2017/000000000139", "139", "COCO_val2014_000000000139"):
        assert starts.of_sample(key) == {
            "auto-000001": GivenMask("auto-000001", rle.encode(MASK), HEIGHT, WIDTH, 0.25),
            "auto-000002": GivenMask("auto-000002", rle.encode(~np.ones_like(MASK)), HEIGHT, WIDTH, 1.0),
        }
    assert [starts.of_sample(key) for key in ("1390", "x139", "cat_139", "139/1")] == [{}] * 4
    assert starts.unused_keys(["000000000139"]) == ["7"]


def test_results_whose_ids_are_names_are_found_by_them(tmp_path: Path) -> None:
    results = [result("cats/a.jpg", bbox=[1, 2, 3, 4]), result("b", bbox=[0, 0, 1, 1])]
    starts = load_boxes(STORAGE, write_json(tmp_path / "results.json", results))
    assert list(starts.of_sample("cats/a")) == ["auto-000001"]
    assert list(starts.of_sample("b")) == ["auto-000001"]
    assert [starts.of_sample(key) for key in ("a", "folder/b")] == [{}, {}]


def test_results_beside_the_file_of_their_images_are_found_by_its_names(tmp_path: Path) -> None:
    images = [image(1, file_name="kitten.jpg"), image(2, file_name="puppy.jpg", height=0, width=0)]
    write_json(tmp_path / "images.json", {"images": images})
    write_json(tmp_path / "results.json", [result(2, bbox=[-1, 2.5, 30, 4]), result(1, bbox=[0, 0, 1, 1])])
    starts = load_boxes(STORAGE, str(tmp_path))
    assert starts.of_sample("puppy") == {
        "auto-000001": GivenBox("auto-000001", -1.0, 2.5, 30.0, 4.0, 0.5),
    }
    assert starts.sample_keys.to_pylist() == ["kitten", "puppy"]


def test_boxes_of_an_instances_file_need_no_ids_and_keep_those_they_have(tmp_path: Path) -> None:
    boxes = [
        {"image_id": 1, "bbox": [0, 0, 2, 2]},
        {"image_id": 1, "bbox": [1, 1, 2, 2], "id": 9, "score": 0.75},
        {"image_id": 1, "bbox": [2, 2, 2, 2]},
    ]
    url = write_json(tmp_path / "boxes.json", {"images": [image(1)], "annotations": boxes})
    given = load_boxes(STORAGE, url).of_sample("000000000001")
    assert list(given) == ["auto-000001", "9", "auto-000003"]
    assert [one.priority for one in given.values()] == [0.0, 0.75, 0.0]


BAD_BOXES: list[Any] = [
    [1, 2, 0, 4],
    [1, 2, 3, -1],
    [1, 2, 3],
    "1,2,3,4",
    [1, 2, float("nan"), 4],
    [1, 2, 3, 10**400],
]


@pytest.mark.parametrize("box", BAD_BOXES)
def test_a_box_that_is_none_is_named_with_its_entry(tmp_path: Path, box: Any) -> None:
    url = write_json(tmp_path / "r.json", [result(1, bbox=[0, 0, 1, 1]), result(1, bbox=box)])
    with pytest.raises(
        StartError, match=r"r\.json \[1\]: bbox is .*: it must be \[x, y, w, h\], four finite"
    ):
        load_boxes(STORAGE, url)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (result(1, segmentation={"size": [9, 9], "counts": "0"}), r"\[0\]: RLE runs add up to 0 pixels"),
        (
            result(1, segmentation={"size": [2**20, 2**20], "counts": [2**40]}),
            "the limit is 268435456 pixels",
        ),
        (result(1, segmentation={"counts": "0"}), r"size of the mask is None: it must be \[height, width\]"),
        (result(1, segmentation=TRIANGLE), "polygons of an image whose height and width no file says"),
        (result(1, segmentation=COMPRESSED, score="high"), "score is 'high': it must be a finite number"),
        (result(None, segmentation=COMPRESSED), "its image_id is no id"),
        (result("\ud800", segmentation=COMPRESSED), "characters that are no text"),
        (
            result(1, bbox=[1, 2, 3, 4]),
            "none of its 1 entries has a segmentation; if they have boxes, give --start",
        ),
        (
            {"segmentation": COMPRESSED, "predicted_iou": 1},
            "it is masks of SAM's generator, which name no image",
        ),
    ],
)
def test_an_entry_that_is_no_mask_is_refused_in_one_line(tmp_path: Path, entry: Any, message: str) -> None:
    with pytest.raises(StartError, match=message) as caught:
        load_masks(STORAGE, write_json(tmp_path / "r.json", [entry]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"images": [image(1)], "annotations": [annotation(1, 2)]},
            r"annotations\[0\]: `images` has no entry with",
        ),
        ({"images": [], "annotations": [annotation(1, 2)]}, r"annotations\[0\]: `images` has no entry with"),
        ({"images": [image(1), image(1)], "annotations": []}, r"images\[1\] has the id 1 of another entry"),
        (
            {"images": [image(1), image(2, file_name="000000000001.png")], "annotations": []},
            r"images\[1\] has the key '000000000001' of images\[0\]",
        ),
        ({"images": [{"id": 1}], "annotations": []}, r"images\[0\] is {'id': 1}: an image entry needs"),
        ({"images": [image(1)], "annotations": [7]}, r"annotations\[0\] is 7: an entry needs an image_id"),
        (
            {"images": [image(1)], "annotations": [{"image_id": 1, "caption": "a cat"}]},
            "a captions file of COCO",
        ),
        (
            {"images": [image(1)], "annotations": [annotation(1, 1, COMPRESSED | {"size": [1, 2]})]},
            "has size",
        ),
        ({"shapes": [], "imagePath": "a.jpg"}, "labelme's JSON of one image"),
        (
            {"format": "mfp-dataset", "version": 1, "complete": True, "samples": 1, "shards": []},
            "a data set of mfp shard: .* masks to start from are a folder of mask files or a run",
        ),
        ([], "holds no masks"),
        (7, "it is something else; it needs to be an instances file"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(StartError, match=message):
        load_masks(STORAGE, write_json(tmp_path / "m.json", content))


def test_an_object_that_is_there_twice_is_named_with_both_places(tmp_path: Path) -> None:
    annotations = [annotation(1, 2), annotation(1, 1), annotation(8, 1), annotation(1, 1)]
    url = write_json(tmp_path / "m.json", {"images": [image(1), image(2)], "annotations": annotations})
    with pytest.raises(StartError) as caught:
        load_masks(STORAGE, url)
    assert str(caught.value) == (
        f"{url} annotations[3]: object '1' of sample '000000000001' was there before, in {url} annotations[1]: give "
        "each object of a sample an id of its own"
    )


def test_results_of_images_that_no_file_lists_are_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "images.json", {"images": [image(1)]})
    write_json(tmp_path / "results.json", [result(2, bbox=[1, 2, 3, 4])])
    with pytest.raises(StartError, match=r"results\.json \[0\]: no file of images has one with the id 2"):
        load_boxes(STORAGE, str(tmp_path))

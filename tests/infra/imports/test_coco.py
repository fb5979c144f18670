"""COCO as corrected labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra import rle
from infra.errors import LabelImportError
from infra.imports.labelled_image import LabelledShape
from tests.infra.imports.programs import images_a_and_b, read, read_text
from tests.infra.sample_factory import rectangle

MASK = rectangle(6, 8, slice(1, 4), slice(2, 5))


def document(*annotations: dict[str, Any], **image: Any) -> dict[str, Any]:
    """As CVAT writes COCO: ids of its own, attributes of shapes in a member of their own."""
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "version": ""},
        "categories": [{"id": 3, "name": "cat", "supercategory": ""}],
        "images": [{"id": 41, "width": 8, "height": 6, "file_name": "a.png", "license": 0} | image],
        "annotations": [
            {"id": place, "image_id": 41, "category_id": 3} | one for place, one in enumerate(annotations)
        ],
    }


def shapes(path: Path, *annotations: dict[str, Any], **image: Any) -> tuple[LabelledShape, ...]:
    return read_text(path / "c.json", json.dumps(document(*annotations, **image)))["a"].shapes


def runs(mask: Any) -> list[int]:
    lengths: list[int] = rle.run_lengths(rle.encode(mask), *mask.shape).tolist()
    return lengths


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [6, 8], "counts": rle.encode(MASK).decode()},
        {"size": [6, 8], "counts": runs(MASK)},
        [[2, 1, 5, 1, 5, 4, 2, 4]],
        [[2, 1, 5, 1, 5, 2, 2, 2], [2, 2, 5, 2, 5, 4, 2, 4]],
    ],
    ids=["compressed", "uncompressed", "polygon", "polygons"],
)
def test_all_ways_of_writing_a_mask_are_read(tmp_path: Path, segmentation: Any) -> None:
    (shape,) = shapes(
        tmp_path, {"segmentation": segmentation, "iscrowd": 1, "attributes": {"object_id": "7"}}
    )
    assert np.array_equal(rle.decode(shape.rle, 6, 8), MASK)
    assert (shape.object_id, shape.category) == ("7", "cat")
    assert shape.is_polygon == isinstance(segmentation, list)


def test_ids_may_be_numbers_and_an_object_may_have_none(tmp_path: Path) -> None:
    counts = {"size": [6, 8], "counts": runs(MASK)}
    numbered, without = shapes(
        tmp_path, {"segmentation": counts, "object_id": 12}, {"segmentation": counts, "category_id": None}
    )
    assert (numbered.object_id, without.object_id, without.category) == ("12", "", "")


def test_a_box_alone_is_left_out_and_told_and_an_empty_mask_is_one(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(
        json.dumps(
            document(
                {"segmentation": [], "bbox": [1, 1, 3, 3], "area": 9},
                {"segmentation": [], "bbox": [0, 0, 0, 0], "area": 0, "object_id": "1"},
            )
        )
    )
    labels = read(tmp_path / "c.json")
    (empty,) = labels.images["a"].shapes
    assert (empty.object_id, rle.area(empty.rle, 6, 8)) == ("1", 0)
    assert labels.left_out == {"boxes of COCO without a mask": 1}


def test_images_that_the_run_lacks_are_noted_with_all_that_is_on_them(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(document({"segmentation": "junk"}, file_name="x/y.jpg")))
    known = images_a_and_b()
    assert read(tmp_path / "c.json", known).images == {}
    assert list(known.unknown) == ["x/y.jpg"]


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        ({"segmentation": {"size": [6, 8], "counts": [1, 2]}}, "run lengths add up to 3 pixels"),
        ({"segmentation": {"size": [6, 8], "counts": [10**30]}}, "run lengths add up to more than"),
        ({"segmentation": {"size": [6, 8], "counts": [-1, 49]}}, "neither a text nor a list of run lengths"),
        ({"segmentation": {"size": [6, 8], "counts": "ö"}}, "a character that COCO's encoding does not use"),
        ({"segmentation": {"size": [6, 8], "counts": "zzzzzz"}}, "RLE"),
        ({"segmentation": {"size": [6, 8], "counts": {}}}, "neither a text nor a list"),
        ({"segmentation": {"size": [10**6, 10**6], "counts": [10**12]}}, "the RLE has size"),
        ({"segmentation": [[1, 1, float("nan"), 2, 3, 3]]}, "no finite numbers"),
        ({"segmentation": [[1, 1, 1e999, 2, 3, 3]]}, "no finite numbers"),
        (
            {"segmentation": [[2, 1, 5, 1, 5, 4], [1, 1, float("nan"), 2, 3, 3]]},
            "a ring that cannot be used: coordinates that are no finite numbers",
        ),
        ({"segmentation": [[1, 1, 2, 2]]}, "fewer than three points"),
        ({"segmentation": [[[0, 0], [8, 6], [0, 6]] * 200]}, r"a ring 44\d\d pixels long"),
        ({"segmentation": [["a"]]}, "fewer than three points"),
        ({"segmentation": 5}, "neither a list of polygons nor an RLE"),
        ({"segmentation": [], "image_id": 8}, "is on the image 8, which `images` lacks"),
        ({"segmentation": [], "image_id": []}, r"image_id is \[\]: it must be an id"),
        ({"segmentation": [], "category_id": 9}, "has the category_id 9, which `categories` lacks"),
        ({"segmentation": [], "object_id": 1.5}, "object_id is 1.5: it must be text"),
        ({"segmentation": [], "object_id": "\ud800"}, "which holds half a character"),
    ],
)
def test_an_annotation_that_is_no_mask_of_its_image_is_one_line_that_says_which(
    tmp_path: Path, annotation: dict[str, Any], told: str
) -> None:
    with pytest.raises(LabelImportError, match=rf"c\.json annotations\[0\].*{told}") as caught:
        shapes(tmp_path, annotation)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ({"height": 8, "width": 6}, r"images\[0\] has 8 x 6 pixels, and sample 'a' of the run 6 x 8"),
        ({"height": "6"}, r"images\[0\]: height is '6': it must be a finite number"),
        ({"height": 6.5}, r"images\[0\]: height is 6.5: it must be a whole number of pixels"),
        ({"width": None}, r"images\[0\]: width is None: it must be a finite number"),
        ({"file_name": None}, r"images\[0\] has no file_name"),
        ({"id": True}, r"images\[0\]: id is True: it must be an id"),
        ({"sample_key": ["a"]}, r"images\[0\]: sample_key is \['a'\]: it must be text"),
    ],
)
def test_an_image_that_does_not_fit_is_refused(tmp_path: Path, image: dict[str, Any], told: str) -> None:
    with pytest.raises(LabelImportError, match=told):
        shapes(tmp_path, **image)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "is not an object with a list 'categories' or 'images'"),
        ('{"images": 5}', "is not an object with a list"),
        ('{"images": [5]}', r"images\[0\] is 5: it must be a JSON object"),
        ('{"images": []}', "is not an object with a list 'annotations'"),
        (
            '{"images": [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}]}',
            "has the id 1, which",
        ),
        ('{"images": [', "is no JSON"),
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(LabelImportError, match=told):
        read_text(tmp_path / "c.json", text)

"""Starts from Parquet columns of boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.errors import StartError
from infra.starts.load import load_boxes, load_masks
from infra.starts.starts import GivenBox
from infra.storage.files import Storage

STORAGE = Storage()
SIDES = {"x": [1.5, -2.0, 0.0], "y": [2, 3, 0], "w": [3.5, 4.0, 1.0], "h": [4, 5, 1]}


def write(path: Path, columns: dict[str, Any], **options: Any) -> str:
    pq.write_table(pa.table(columns), path, **options)
    return str(path)


def test_boxes_come_in_the_order_of_the_file_under_made_ids(tmp_path: Path) -> None:
    url = write(tmp_path / "boxes.parquet", {"sample_key": ["b", "a", "b"]} | SIDES)
    starts = load_boxes(STORAGE, url)
    assert starts.kind == "boxes"
    assert starts.of_sample("b") == {
        "auto-000001": GivenBox("auto-000001", 1.5, 2.0, 3.5, 4.0, 0.0),
        "auto-000002": GivenBox("auto-000002", 0.0, 0.0, 1.0, 1.0, 0.0),
    }
    assert starts.of_sample("a") == {"auto-000001": GivenBox("auto-000001", -2.0, 3.0, 4.0, 5.0, 0.0)}


def test_corners_are_the_same_boxes(tmp_path: Path) -> None:
    corners = {"x_min": [1.5, -2.0], "y_min": [2, 3], "x_max": [5.0, 2.0], "y_max": [6, 8]}
    url = write(tmp_path / "boxes.parquet", {"sample_key": ["b", "a"]} | corners)
    starts = load_boxes(STORAGE, url)
    assert starts.of_sample("b") == {"auto-000001": GivenBox("auto-000001", 1.5, 2.0, 3.5, 4.0, 0.0)}
    assert starts.of_sample("a") == {"auto-000001": GivenBox("auto-000001", -2.0, 3.0, 4.0, 5.0, 0.0)}


@pytest.mark.parametrize("categorical", [True, False])
def test_whole_numbers_are_taken_as_text_and_ids_and_scores_where_they_are(
    tmp_path: Path, categorical: bool
) -> None:
    ids = pa.array(["cat", None, "dog"])
    columns = {
        "sample_key": pa.array([7, 7, 7], pa.int32()),
        "object_id": ids.dictionary_encode() if categorical else ids,
        "score": [0.5, None, 1],
        "label": ["a", "b", "c"],
    }
    starts = load_boxes(STORAGE, write(tmp_path / "boxes.PARQUET", columns | SIDES))
    given = starts.of_sample("7")
    assert {name: one.priority for name, one in given.items()} == {"cat": 0.5, "auto-000002": 0.0, "dog": 1.0}


def test_a_folder_of_files_is_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path / "2.parquet", {"sample_key": ["a"], "x": [2], "y": [0], "w": [1], "h": [1]})
    write(tmp_path / "1.parquet", {"sample_key": ["a"], "x": [1], "y": [0], "w": [1], "h": [1]})
    write(tmp_path / ".3.parquet", {"nothing": [1]})
    given = load_boxes(STORAGE, str(tmp_path)).of_sample("a")
    assert {name: one.x for name, one in given.items() if isinstance(one, GivenBox)} == {
        "auto-000001": 1.0,
        "auto-000002": 2.0,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"w": [1, 0, 1]},
            "row 1 (counted from 0): a box of x -2.0, y 3, w 0, h 5: its width and height must be finite",
        ),
        (
            {"x": [1.0, None, 1.0]},
            "row 1 (counted from 0): x is None: it must be a finite number, in image pixels",
        ),
        ({"h": [1.0, 1.0, float("inf")]}, "row 2 (counted from 0): h is inf: it must be a finite number"),
        (
            {"score": [1.0, float("nan"), 1.0]},
            "row 1 (counted from 0): score is nan: it must be a finite number",
        ),
        ({"score": ["1", "2", "3"]}, "column score is of type string: it must be a finite number, or null"),
        (
            {"sample_key": ["a", "", "b"]},
            "row 1 (counted from 0): sample_key is '': it must be a text of 1 to 4,096",
        ),
        (
            {"sample_key": ["a", "b", None]},
            "row 2 (counted from 0): sample_key is None: it must be a text of 1 to",
        ),
        ({"sample_key": [1, None, 2]}, "row 1 (counted from 0): sample_key is None"),
        ({"sample_key": [1.5, 2.5, 3.5]}, "column sample_key is of type double: it must be a text"),
        ({"object_id": ["a", "b" * 5000, "c"]}, "row 1 (counted from 0): object_id is 'bbb"),
        ({"x_min": [0] * 3, "y_min": [0] * 3, "x_max": [1] * 3, "y_max": [1] * 3}, "has boxes twice"),
    ],
)
def test_a_value_against_the_rules_is_named_with_its_row(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    url = write(tmp_path / "b.parquet", {"sample_key": ["a", "b", "c"]} | SIDES | changes)
    with pytest.raises(StartError) as caught:
        load_boxes(STORAGE, url)
    assert message in str(caught.value)
    assert str(caught.value).startswith(url)
    assert "\n" not in str(caught.value)


def test_corners_too_far_apart_for_a_width_are_refused(tmp_path: Path) -> None:
    corners = {"x_min": [-1e308], "y_min": [0.0], "x_max": [1e308], "y_max": [1.0]}
    with pytest.raises(StartError) as caught:
        load_boxes(STORAGE, write(tmp_path / "b.parquet", {"sample_key": ["a"]} | corners))
    assert "x_max 1e+308, y_max 1.0: its width and height must be finite numbers above 0" in str(caught.value)


def test_a_column_that_differs_from_ours_in_case_is_told_and_not_read(tmp_path: Path) -> None:
    texts = {"sample_key": ["a", "a", "b"], "Object_ID": ["x", "y", "z"], "Label": ["k", "l", "m"]}
    url = write(tmp_path / "b.parquet", texts | SIDES | {"Score": [1, 2, 3]})
    starts = load_boxes(STORAGE, url)
    assert {name: one.priority for name, one in starts.of_sample("a").items()} == {
        "auto-000001": 0.0,
        "auto-000002": 0.0,
    }
    assert starts.notices == (
        f"boxes {url}: column 'Object_ID' is not read: object_id is",
        f"boxes {url}: column 'Score' is not read: score is",
    )


def test_an_empty_url_is_refused_in_one_line() -> None:
    with pytest.raises(StartError, match=r"^boxes to start from have an empty URL: give a file .*boxes:URL$"):
        load_boxes(STORAGE, "")
    with pytest.raises(StartError, match=r"^masks to start from have an empty URL: give a file .*masks:URL$"):
        load_masks(STORAGE, "")


def test_a_row_behind_the_first_batches_is_named_by_its_number_in_the_file(tmp_path: Path) -> None:
    num = 120_001
    columns = {name: [1.0] * num for name in "xyw"} | {"h": [1.0] * (num - 1) + [0.0]}
    url = write(tmp_path / "b.parquet", {"sample_key": [f"{row:06d}" for row in range(num)]} | columns)
    with pytest.raises(StartError, match=r"row 120000 \(counted from 0\): a box of"):
        load_boxes(STORAGE, url)


def test_ids_that_are_there_twice_are_named_with_both_rows(tmp_path: Path) -> None:
    columns = {"sample_key": ["a", "a", "a"], "object_id": ["auto-000002", None, "1"]} | SIDES
    url = write(tmp_path / "b.parquet", columns)
    with pytest.raises(StartError) as caught:
        load_boxes(STORAGE, url)
    assert (
        f"{url} row 1 (counted from 0): object 'auto-000002' of sample 'a' was there before, in {url} row 0"
        in str(caught.value)
    )


def test_a_file_without_the_columns_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        StartError, match="has the columns key, x: boxes need columns sample_key, and x, y, w, h or"
    ):
        load_boxes(STORAGE, write(tmp_path / "a.parquet", {"key": ["a"], "x": [1]}))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(StartError, match="is no readable Parquet file"):
        load_boxes(STORAGE, str(tmp_path / "b.parquet"))
    empty = {"sample_key": pa.array([], pa.string())} | {name: pa.array([], pa.float64()) for name in "xywh"}
    with pytest.raises(StartError, match="holds no boxes: give files that do"):
        load_boxes(STORAGE, write(tmp_path / "c.parquet", empty))


def test_one_long_text_in_every_row_is_refused_before_it_is_repeated(tmp_path: Path) -> None:
    num = 40_000
    columns = {"sample_key": pa.DictionaryArray.from_arrays([0] * num, ["k" * 2**20])}
    url = write(tmp_path / "b.parquet", columns | {name: [1.0] * num for name in "xywh"})
    shared = pa.default_memory_pool()
    own = pa.proxy_memory_pool(shared)  # the peak of the shared one is that of every test in this process
    pa.set_memory_pool(own)
    try:
        with pytest.raises(StartError, match=r"row 0 \(counted from 0\): sample_key is 'kkk"):
            load_boxes(STORAGE, url)
    finally:
        pa.set_memory_pool(shared)
    assert 0 < own.max_memory() < 2**28

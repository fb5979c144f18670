"""Starts as a whole: what was written comes back, however it was spread over files."""

from __future__ import annotations

import json
import pickle
import random
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import rle
from infra.starts.load import load_boxes, load_masks
from infra.starts.starts import GivenBox, GivenMask, Starts
from infra.storage.files import Storage

STORAGE = Storage()
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5).map(
    lambda text: unicodedata.normalize("NFC", text)
)
coordinates = st.floats(-1e6, 1e6)
sides = st.floats(1e-3, 1e6)
boxes = st.tuples(coordinates, coordinates, sides, sides, coordinates)
COLUMNS = ("sample_key", "object_id", "x", "y", "w", "h", "score")


def load_rows(files: Sequence[Sequence[tuple[Any, ...]]]) -> Starts:
    with tempfile.TemporaryDirectory() as folder:
        for number, rows in enumerate(files):
            table = pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in rows])
            pq.write_table(table, Path(folder, f"{number:03d}.parquet"))
        return load_boxes(STORAGE, folder)


@given(
    st.dictionaries(st.tuples(names, names), boxes, min_size=1, max_size=12), st.integers(1, 4), st.randoms()
)
@settings(deadline=None, max_examples=60)
def test_every_box_comes_back_and_the_fingerprint_is_that_of_the_content(
    written: dict[tuple[str, str], tuple[float, ...]], num_files: int, draw: random.Random
) -> None:
    rows: list[tuple[Any, ...]] = [(*key, *box) for key, box in written.items()]
    starts = load_rows([rows])
    shuffled = draw.sample(rows, len(rows))
    spread = load_rows([part for first in range(num_files) if (part := shuffled[first::num_files])])
    for loaded in (starts, spread):
        for key in {key for key, _ in written}:
            assert loaded.of_sample(key) == {
                object_id: GivenBox(object_id, *box)
                for (other, object_id), box in written.items()
                if other == key
            }
    assert list(starts.of_sample(rows[0][0])) == [row[1] for row in rows if row[0] == rows[0][0]]
    assert spread.fingerprint == starts.fingerprint
    changed = [(*rows[0][:2], rows[0][2] + 1e9, *rows[0][3:]), *rows[1:]]
    assert load_rows([changed]).fingerprint != starts.fingerprint
    assert pickle.loads(pickle.dumps(starts)).of_sample(rows[0][0]) == starts.of_sample(rows[0][0])


def mask_strategy() -> st.SearchStrategy[npt.NDArray[np.bool_]]:
    sizes = st.tuples(st.integers(1, 6), st.integers(1, 6))
    return st.tuples(sizes, st.integers(0, 2**36 - 1)).map(
        lambda drawn: np.array(
            [drawn[1] >> bit & 1 for bit in range(drawn[0][0] * drawn[0][1])], np.bool_
        ).reshape(drawn[0])
    )


@given(st.lists(st.tuples(st.integers(1, 3), mask_strategy()), min_size=1, max_size=8))
@settings(deadline=None, max_examples=60)
def test_every_mask_of_a_list_of_results_comes_back_in_order(
    written: list[tuple[int, npt.NDArray[np.bool_]]],
) -> None:
    results = [
        {
            "image_id": image_id,
            "score": 0.5,
            "segmentation": {"size": list(mask.shape), "counts": rle.encode(mask).decode()},
        }
        for image_id, mask in written
    ]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "results.json").write_text(json.dumps(results))
        starts = load_masks(STORAGE, f"{folder}/results.json")
    assert starts.num_objects == len(written)
    for image_id in {image_id for image_id, _ in written}:
        masks = [mask for other, mask in written if other == image_id]
        assert starts.of_sample(f"{image_id:012d}") == {
            f"auto-{place:06d}": GivenMask(
                f"auto-{place:06d}", rle.encode(mask), mask.shape[0], mask.shape[1], 0.5
            )
            for place, mask in enumerate(masks, 1)
        }


def test_ids_of_a_sample_stay_the_same_if_other_images_are_added() -> None:
    rows = [("b", "", 1.0, 1.0, 1.0, 1.0, 0.0), ("b", "", 2.0, 1.0, 1.0, 1.0, 0.0)]
    others = [(key, "", 5.0, 1.0, 1.0, 1.0, 0.0) for key in ("a", "c", "a")]
    mixed = [others[0], rows[0], others[1], rows[1], others[2]]
    assert load_rows([mixed]).of_sample("b") == load_rows([rows]).of_sample("b")


def test_an_accent_may_be_written_in_two_ways_which_is_told() -> None:
    written = [
        (unicodedata.normalize(form, "Äpfel"), form, 1.0, 1.0, 1.0, 1.0, 0.0) for form in ("NFC", "NFD")
    ]
    starts = load_rows([written])
    for form in ("NFC", "NFD"):
        assert list(starts.of_sample(unicodedata.normalize(form, "Äpfel"))) == ["NFC", "NFD"]
    (line,) = starts.notices
    assert "1 sample keys have decomposed letters (NFD)" in line


def test_many_boxes_stay_compact() -> None:
    num = 100_000
    with tempfile.TemporaryDirectory() as folder:
        columns = {"sample_key": [f"sample-{row // 50:06d}" for row in range(num)]}
        pq.write_table(pa.table(columns | {name: np.ones(num) for name in "xywh"}), f"{folder}/b.parquet")
        starts = load_boxes(STORAGE, f"{folder}/b.parquet")
    assert len(pickle.dumps(starts, protocol=5)) < 66 * num
    assert list(starts.of_sample("sample-001999"))[-1] == "auto-000050"

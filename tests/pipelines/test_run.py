"""A run as Python reads it: what is committed, as tables and masks, whether it is finished or not."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from infra import rle
from infra.errors import RunDirectoryError
from infra.runs.run_config import RUN_FILE
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, ERRORS, MASKS
from infra.storage.files import Storage
from pipelines import open_run
from pipelines.errors import OptionError
from pipelines.inputs.run_record import request_of
from tests.infra.requests import asked
from tests.infra.rows import click_row, commit_rows, error_row, mask_row
from tests.pipelines.clicked_runs import begin
from tests.specs import label_record

SHAPES = {
    ("boat", "1"): (3, 3),
    ("a", "1"): (4, 6),
    ("a", "2"): (4, 6),
    ("b", "1"): (9, 2),
    ("c", "1"): (1, 1),
}


def drawn(key: str, object_id: str) -> npt.NDArray[np.bool_]:
    height, width = SHAPES[key, object_id]
    mask = np.zeros((height, width), np.bool_)
    mask[: height // 2 + 1, int(object_id) - 1 :] = True
    return mask


def commit(run: RunDirectory, shard: str, objects: Collection[tuple[str, str]]) -> None:
    """Commit a shard with these objects, one click on each, and an image that was set aside."""
    masks = []
    for name in objects:
        height, width = SHAPES[name]
        row = mask_row(*name, shard=shard)
        masks.append(replace(row, height=height, width=width, rle=rle.encode(drawn(*name))))
    clicks = [click_row(*name, 0, shard=shard) for name in objects]
    commit_rows(run, shard, "x", masks, clicks, [error_row(f"bad-{shard}", shard=shard)])


def test_a_finished_run_has_a_table_of_each_kind(folder_url: str) -> None:
    directory = begin(folder_url, num_shards=2)
    commit(directory, "s0.tar", [("a", "1"), ("a", "2")])
    commit(directory, "s1.tar", [("b", "1")])
    run = open_run(folder_url)
    assert run.is_finished
    assert run.masks().schema.names == MASKS.schema.names
    assert run.clicks().schema.names == CLICKS.schema.names
    assert run.errors().schema.names == ERRORS.schema.names
    rows = run.masks(["sample_key", "object_id", "shard"]).to_pylist()
    assert sorted(tuple(row.values()) for row in rows) == [
        ("a", "1", "s0.tar"),
        ("a", "2", "s0.tar"),
        ("b", "1", "s1.tar"),
    ]
    assert run.clicks(["y", "x"]).to_pylist() == [{"y": 2.0, "x": 3.0}] * 3
    assert sorted(run.errors(["sample_key"])["sample_key"].to_pylist()) == ["bad-s0.tar", "bad-s1.tar"]
    assert run.report().objects == 3


def test_a_mask_is_that_of_its_object_in_pixels_of_its_image(folder_url: str) -> None:
    directory = begin(folder_url, num_shards=2)
    commit(directory, "s0.tar", [("a", "1"), ("a", "2")])
    commit(directory, "s1.tar", [("b", "1")])
    run = open_run(folder_url)
    for name in (("a", "1"), ("a", "2"), ("b", "1")):
        mask = run.mask(*name)
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(mask, drawn(*name))


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        (("a", "3"), "that sample has objects '1', '2'"),
        (("a", ""), "that sample has objects '1', '2'"),
        (("z", "1"), "there are samples 'a', 'boat'"),
        (("baot", "1"), "there are samples 'a', 'boat' (did you mean boat?)"),
        (("", ""), "there are samples 'a', 'boat'"),
    ],
)
def test_an_object_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, name: tuple[str, str], instead: str
) -> None:
    directory = begin(str(tmp_path))
    commit(directory, "s0.tar", [("a", "1"), ("a", "2"), ("boat", "1")])
    with pytest.raises(OptionError) as caught:
        open_run(str(tmp_path)).mask(*name)
    key, object_id = name
    assert str(caught.value) == f"{tmp_path} has no mask of object {object_id!r} of sample {key!r}: {instead}"


def test_of_an_object_that_was_quarantined_the_reason_is_told(tmp_path: Path) -> None:
    directory = begin(str(tmp_path), num_shards=2)
    commit_rows(directory, "s0.tar", "x", [], [], [error_row("bad", "empty_object", shard="s0.tar")])
    with pytest.raises(
        OptionError,
        match=r"of sample 'bad': the sample was quarantined, empty_object: .*; some of its shards",
    ):
        open_run(str(tmp_path)).mask("bad", "1")


def test_a_run_that_goes_on_has_what_is_committed_and_later_more(folder_url: str) -> None:
    directory = begin(folder_url, num_shards=2)
    run = open_run(folder_url)
    assert not run.is_finished
    assert (run.masks().num_rows, run.clicks().num_rows, run.errors().num_rows) == (0, 0, 0)
    assert run.masks(["iou"]).schema.names == ["iou"]
    commit(directory, "s0.tar", [("a", "1")])
    assert not run.is_finished
    assert run.masks().num_rows == 1
    with pytest.raises(
        OptionError, match="'b': there is sample 'a'; some of its shards are not committed yet"
    ):
        run.mask("b", "1")
    commit(directory, "s1.tar", [("b", "1")])
    assert run.is_finished
    assert run.mask("b", "1").shape == (9, 2)


def test_a_run_knows_what_it_was_told(tmp_path: Path) -> None:
    record = label_record(zoom_size=96, max_clicks=7)
    RunDirectory(str(tmp_path), Storage()).open(request_of(record))
    assert open_run(str(tmp_path)).spec == record.spec


def test_where_no_run_is_there_is_none_to_read(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"is no run directory: it has no run\.json"):
        open_run(str(tmp_path / "nowhere"))
    asked({"job": "train"}, file="training.json").begin(Storage(), str(tmp_path))
    with pytest.raises(RunDirectoryError, match="is a run of `mfp train`"):
        open_run(str(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"job": "train"}, "job: should be 'label', not \"train\""),
        ({"later": 1}, "later: no such field"),
        (
            {"dataset": {"fingerprint": "f", "num_shards": "2"}},
            'dataset.num_shards: should be a valid integer, not "2"',
        ),
    ],
)
def test_a_record_that_says_something_else_is_refused_by_the_name_of_its_field(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    begin(str(tmp_path))
    file = tmp_path / RUN_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(RunDirectoryError) as caught:
        open_run(str(tmp_path))
    assert f"run.json does not say how the run was made: {message}; restore the file" in str(caught.value)


def test_a_part_that_is_not_what_was_committed_is_refused(tmp_path: Path) -> None:
    directory = begin(str(tmp_path))
    commit(directory, "s0.tar", [("a", "1")])
    (part,) = (tmp_path / "masks").iterdir()
    part.write_bytes(part.read_bytes()[:-1])
    run = open_run(str(tmp_path))
    for read in (run.masks, lambda: run.mask("a", "1")):
        with pytest.raises(RunDirectoryError, match=r"is not what shard s0\.tar committed"):
            read()
    assert run.clicks().num_rows == 1

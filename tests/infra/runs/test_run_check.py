"""A check of a run finds what is wrong with it, and nothing if nothing is."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infra import rle
from infra.errors import RunDirectoryError
from infra.runs.commit import CommitRecord, PartRecord, commit_url, read_commit
from infra.runs.run_check import Finding, check_files, check_shard
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, ERRORS, MASKS, BoundingBox, ClickRow, ErrorRow, MaskRow
from infra.storage.files import Storage
from tests.infra.rows import click_row, commit_rows, error_row, mask_row, part_bytes, with_new_checksum

STORAGE = Storage()
MASK = np.zeros((4, 6), np.bool_)
MASK[2, 1:4] = True
GOOD = replace(mask_row("a", "1", num_clicks=2), rle=rle.encode(MASK))
CLICKED = [click_row("a", "1", index) for index in range(2)]


def committed(
    folder: Path, masks: list[MaskRow], clicks: list[ClickRow], errors: list[ErrorRow]
) -> tuple[RunDirectory, CommitRecord]:
    run = RunDirectory(str(folder), STORAGE)
    commit_rows(run, "s0.tar", "1", masks, clicks, errors)
    return run, run.committed()["s0.tar"]


STOP_REASONS = ("target_reached",)


def found(run: RunDirectory, record: CommitRecord) -> list[str]:
    return [
        str(finding)
        for finding in (*check_shard(run, record, STOP_REASONS).findings, *check_files(run, [record]))
    ]


def test_nothing_is_found_in_a_good_shard(tmp_path: Path) -> None:
    run, record = committed(tmp_path, [GOOD], CLICKED, [error_row("b")])
    checked = check_shard(run, record, STOP_REASONS)
    assert (checked.objects, checked.clicks, checked.findings) == (1, 2, ())
    assert not list(check_files(run, [record]))


@pytest.mark.parametrize(
    ("masks", "clicks", "errors", "problem"),
    [
        ([replace(GOOD, area=4)], CLICKED, [], "the RLE has 3 pixels, the row says 4"),
        ([replace(GOOD, bbox=BoundingBox(0, 2, 3, 1))], CLICKED, [], "the RLE has bounding box (1, 2, 3, 1)"),
        ([replace(GOOD, height=5)], CLICKED, [], "RLE runs add up to 24 pixels, the image has 5 x 6"),
        ([replace(GOOD, iou=0.6)], CLICKED, [], "are not those after the last click"),
        ([GOOD], CLICKED[:1], [], "says 2 clicks, the table of clicks has 1"),
        ([GOOD], [CLICKED[0], replace(CLICKED[1], click_idx=3)], [], "or not 0, 1, 2"),
        ([GOOD, GOOD], CLICKED, [], "has 2 masks"),
        ([GOOD], [*CLICKED, click_row("b", "1", 0)], [], "s0.tar, b, object 1: has clicks but no mask"),
        ([GOOD], CLICKED, [replace(error_row("a"), object_id="1")], "was quarantined, and has a mask"),
        ([GOOD], [CLICKED[0], replace(CLICKED[1], model_id="other")], [], "was clicked with 2 models"),
        ([GOOD], [replace(CLICKED[0], iou=1.5), CLICKED[1]], [], "has an IoU of 1.5"),
        ([replace(GOOD, boundary_iou=0.6)], CLICKED, [], "are not those after the last click"),
        ([GOOD], [replace(CLICKED[0], boundary_iou=-0.1), CLICKED[1]], [], "has a boundary IoU of -0.1"),
        (
            [GOOD],
            [replace(CLICKED[0], boundary_iou=None), CLICKED[1]],
            [],
            "has an IoU without a boundary IoU",
        ),
        ([replace(GOOD, quality=0.5)], CLICKED, [], "are not those after the last click"),
        ([GOOD], [CLICKED[0], replace(CLICKED[1], is_looked_at=False)], [], "no mask was made of its last"),
        ([replace(GOOD, num_clicks=0)], [], [], "has a quality, and no click was made"),
        ([replace(GOOD, start="hint")], CLICKED, [], "has the start 'hint'"),
        (
            [replace(GOOD, start_iou=0.5)],
            CLICKED,
            [],
            "has the IoU of a start mask, and started from nothing",
        ),
        ([replace(GOOD, start="mask", start_iou=2.0)], CLICKED, [], "has a start IoU of 2.0"),
        ([replace(GOOD, divergence=-0.5)], CLICKED, [], "has a divergence of -0.5"),
        ([replace(GOOD, shard="s1.tar")], CLICKED, [], "holds rows of shard 's1.tar'"),
    ],
)
def test_rows_that_contradict_each_other_are_found(
    tmp_path: Path, masks: list[MaskRow], clicks: list[ClickRow], errors: list[ErrorRow], problem: str
) -> None:
    assert any(problem in text for text in found(*committed(tmp_path, masks, clicks, errors)))


@pytest.mark.parametrize(
    ("masks", "clicks", "reason"),
    [
        # a mask that was empty in the data; its clicks came from a log
        (
            [replace(GOOD, iou=None, boundary_iou=None)],
            [replace(click, iou=None, boundary_iou=None) for click in CLICKED],
            "empty_object",
        ),
        ([GOOD], CLICKED, "bad_metadata"),  # of another object with the same id
    ],
)
def test_a_record_of_the_data_beside_a_mask_of_the_run_is_no_contradiction(
    tmp_path: Path, masks: list[MaskRow], clicks: list[ClickRow], reason: str
) -> None:
    error = replace(error_row("a", reason), object_id="1")
    assert found(*committed(tmp_path, masks, clicks, [error])) == []


def _truncate(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-1])


def _leave_beside(part: Path) -> None:
    part.with_name("s0-2_x.parquet").write_bytes(part.read_bytes())


def _leave_unfinished(part: Path) -> None:
    part.with_name(f".{part.name}.abc.tmp").write_bytes(b"")


@pytest.mark.parametrize("table", [MASKS.name, CLICKS.name, ERRORS.name])
@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (Path.unlink, "is missing; shard s0.tar has committed it"),
        (_truncate, "bytes that are not the"),
        (_leave_beside, "no commit names it"),
        (_leave_unfinished, "no commit names it"),
    ],
)
def test_files_that_are_not_what_was_committed_are_found(
    tmp_path: Path, table: str, harm: Callable[[Path], None], problem: str
) -> None:
    run, record = committed(tmp_path, [GOOD], CLICKED, [error_row("b")])
    harm(next((tmp_path / table).iterdir()))
    assert any(text.startswith(f"{table}/") and problem in text for text in found(run, record))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"objects": 2}, "commits/s0.json: says 2 objects, there are 1"),
    ],
)
def test_a_record_that_says_something_else_is_found(
    tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    run, record = committed(tmp_path, [GOOD], CLICKED, [])
    assert any(problem in text for text in found(run, replace(record, **change)))  # type: ignore[arg-type]


def test_a_part_with_the_right_checksum_and_other_rows_is_found(tmp_path: Path) -> None:
    run, record = committed(tmp_path, [GOOD], CLICKED, [])
    data = part_bytes(CLICKS, CLICKED[:1])
    path = record.parts["clicks"].path
    (tmp_path / path).write_bytes(data)
    part = PartRecord(path, 2, len(data), hashlib.sha256(data).hexdigest())
    texts = found(run, replace(record, parts={**record.parts, "clicks": part}))
    assert f"{path}: holds 1 rows, the record says 2" in texts


def test_a_record_with_one_digit_changed_is_no_record(tmp_path: Path) -> None:
    _, record = committed(tmp_path, [GOOD], CLICKED, [])
    path = Path(commit_url(str(tmp_path), "s0.tar"))
    document = json.loads(path.read_bytes())
    assert CommitRecord.from_bytes(json.dumps(document).encode()) == record
    assert CommitRecord.from_bytes(with_new_checksum(document)) == record
    without = {name: value for name, value in document.items() if name != "sha256"}
    for changed in (document | {"objects": document["objects"] + 1}, without):
        with pytest.raises(ValueError, match="its checksum is another"):
            CommitRecord.from_bytes(json.dumps(changed).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shard", 7),
        ("objects", None),
        ("objects", True),
        ("objects", -1),
        ("seconds", "1"),
        ("seconds", 1e300),
        ("seconds", math.nan),
        ("seconds", -1.0),
        ("finished", "2026-01-01T00:00:00"),
        ("finished", 5),
        ("model_id", None),
        ("later", 1),
        ("parts", {}),
        ("parts", []),
        ("parts.rows", "2"),
        ("parts.rows", -1),
        ("parts.bytes", -1),
        ("parts.sha256", None),
        ("unclicked", {"samples": -1, "objects": 0}),
        ("notes", [{"text": "x", "count": "1", "first_keys": []}]),
        ("notes", [{"text": "x", "count": 1, "first_keys": [1]}]),
    ],
)
def test_a_record_of_other_values_is_no_record(tmp_path: Path, field: str, value: object) -> None:
    committed(tmp_path, [GOOD], CLICKED, [])
    path = Path(commit_url(str(tmp_path), "s0.tar"))
    document = json.loads(path.read_bytes())
    folder, _, name = field.rpartition(".")
    (document["parts"]["clicks"] if folder else document)[name] = value
    path.write_bytes(with_new_checksum(document))
    with pytest.raises(RunDirectoryError, match="is no commit record of this version") as caught:
        read_commit(STORAGE, str(path))
    assert "checksum" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_record_is_made_that_a_reader_would_refuse(tmp_path: Path) -> None:
    _, record = committed(tmp_path, [GOOD], CLICKED, [])
    elsewhere = replace(record.parts["clicks"], path="../clicks")
    for change, problem in (
        ({"parts": {}}, "names no part of clicks, errors, masks"),
        ({"parts": {**record.parts, "clicks": elsewhere}}, "does not lie in clicks/"),
        ({"seconds": 1e300}, "took 1e[+]300 s"),
    ):
        with pytest.raises(ValueError, match=problem):
            replace(record, **change)


def test_a_record_under_the_name_of_another_shard_is_told(tmp_path: Path) -> None:
    run, _ = committed(tmp_path, [GOOD], CLICKED, [])
    shutil.copy(commit_url(run.url, "s0.tar"), commit_url(run.url, "s1.tar"))
    with pytest.raises(RunDirectoryError, match=r"s1\.json is the commit record of shard 's0\.tar'"):
        run.committed()


def test_a_finding_is_one_line() -> None:
    assert str(Finding("masks/x", "is missing")) == "masks/x: is missing"

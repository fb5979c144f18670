"""Starts from another run: what is committed of its masks, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from infra import rle
from infra.errors import RunDirectoryError, StartError
from infra.runs.run_config import RUN_FILE, RunRequest
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import MaskRow
from infra.starts.load import load_boxes, load_masks
from infra.starts.starts import GivenMask
from infra.storage.files import Storage
from tests.infra.rows import commit_rows, mask_row

STORAGE = Storage()
MASK = np.zeros((4, 6), np.bool_)
MASK[1:3, 2:5] = True


def mask(key: str, object_id: str, shard: str = "s0.tar", pixels: npt.NDArray[np.bool_] = MASK) -> MaskRow:
    return replace(mask_row(key, object_id, shard=shard), rle=rle.encode(pixels))


def begun(folder: Path) -> RunDirectory:
    run = RunDirectory(str(folder), STORAGE)
    run.open(RunRequest(RUN_FILE, {"spec": {}}, ()))
    return run


def test_masks_are_those_of_the_commits_under_their_ids(tmp_path: Path) -> None:
    run = begun(tmp_path)
    commit_rows(run, "s1.tar", "a", [mask("z", "7", "s1.tar")], [])
    commit_rows(run, "s0.tar", "a", [mask("b", "2"), mask("b", "1"), mask("a", "x", pixels=~MASK)], [])
    commit_rows(run, "s2.tar", "a", [], [])
    (tmp_path / "masks" / "s3-lost.parquet").write_bytes(b"a part that no commit names")
    for url in (str(tmp_path), f"{tmp_path}/masks"):
        starts = load_masks(STORAGE, url)
        assert starts.sample_keys.to_pylist() == ["a", "b", "z"]
        assert list(starts.of_sample("b")) == ["2", "1"]
        assert starts.of_sample("a") == {"x": GivenMask("x", rle.encode(~MASK), 4, 6, 0.75)}
        assert starts.num_objects == 4


def test_a_run_without_commits_has_no_masks(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(StartError, match="holds no masks"):
        load_masks(STORAGE, str(tmp_path))


def test_samples_of_one_key_in_two_shards_are_refused(tmp_path: Path) -> None:
    run = begun(tmp_path)
    for shard in ("s0.tar", "s1.tar"):
        commit_rows(run, shard, "a", [mask("k", shard, shard)], [])
    with pytest.raises(StartError, match=r"several samples of one key \('k' in s0\.tar and s1\.tar\)"):
        load_masks(STORAGE, str(tmp_path))


def test_a_mask_of_a_size_that_no_image_has_is_refused(tmp_path: Path) -> None:
    rows = [mask("a", "1"), replace(mask("b", "1"), height=2**20, width=2**20)]
    commit_rows(begun(tmp_path), "s0.tar", "a", rows, [])
    with pytest.raises(StartError, match=r"row 1 \(counted from 0\): a mask of 1048576 x 1048576 pixels"):
        load_masks(STORAGE, str(tmp_path))


def test_a_part_that_was_changed_is_refused(tmp_path: Path) -> None:
    commit_rows(begun(tmp_path), "s0.tar", "a", [mask("a", "1")], [])
    (part,) = (tmp_path / "masks").iterdir()
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(RunDirectoryError, match=r"is not what shard s0\.tar committed"):
        load_masks(STORAGE, str(tmp_path))


def test_what_is_neither_is_told_what_it_may_be(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"there are no masks or boxes at .*nothing: no such file or folder"):
        load_masks(STORAGE, f"{tmp_path}/nothing")
    (tmp_path / "a.txt").write_text("x")
    for url in (str(tmp_path), f"{tmp_path}/a.txt"):
        with pytest.raises(StartError) as caught:
            load_masks(STORAGE, url)
        assert str(caught.value) == (
            f"{url} holds no masks to start from: it needs to be the directory of a run, or a JSON file of COCO or a "
            "folder of such, or a folder of mask files (KEY.png, or KEY/OBJECT.png)"
        )
        with pytest.raises(
            StartError, match="it needs to be a Parquet file or a folder of such, or a JSON file of"
        ):
            load_boxes(STORAGE, url)

"""Brackets within brackets without end are one line, whichever file of others holds them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.click_logs.load import load_click_log
from infra.errors import InfraError, Reason
from infra.json_text import parse_json
from infra.published_models import newest
from infra.runs.commit import read_commit
from infra.runs.held_lease import LEASE_FILE, held_lease
from infra.runs.run_config import RUN_FILE, read_config
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import committed_and_set_aside
from infra.shards.manifest import MANIFEST_NAME, load_manifest
from infra.shards.sample import QuarantinedSample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage, join
from infra.taken_models import TAKEN_FILE, taken_models
from infra.training_driver import DRIVER_FILE, new_driver
from infra.training_progress import PROGRESS_FILE, read_progress
from tests.infra.sample_factory import sample

STORAGE = Storage()


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def take_lease(folder: str) -> None:
    with held_lease(STORAGE, folder):
        pass


READERS: dict[str, Callable[[str], object]] = {
    RUN_FILE: lambda folder: read_config(STORAGE, folder),
    MANIFEST_NAME: lambda folder: load_manifest(STORAGE, folder),
    "commits/a.json": lambda folder: read_commit(STORAGE, join(folder, "commits/a.json")),
    "set_aside/a.json": lambda folder: committed_and_set_aside(RunDirectory(folder, STORAGE)),
    "models/latest.json": lambda folder: newest(STORAGE, folder),
    TAKEN_FILE: lambda folder: taken_models(STORAGE, folder),
    PROGRESS_FILE: lambda folder: read_progress(folder, STORAGE),
    DRIVER_FILE: lambda folder: new_driver(STORAGE, folder),
    LEASE_FILE: take_lease,
    "clicks.jsonl": lambda folder: load_click_log(STORAGE, join(folder, "clicks.jsonl")),
}


@pytest.mark.parametrize("depth", [100_000, 1_000, 900, 300])
@pytest.mark.parametrize("file", READERS)
def test_a_file_that_is_nested_without_end_is_one_line(file: str, depth: int, tmp_path: Path) -> None:
    """Also one that Python's parser takes and what comes after it does not."""
    STORAGE.write_bytes(join(str(tmp_path), file), nested(depth).encode())
    with pytest.raises(InfraError) as caught:
        READERS[file](str(tmp_path))
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)


def test_attributes_that_are_nested_without_end_cost_their_row(tmp_path: Path) -> None:
    good = sample("a").image_bytes
    table = io.BytesIO()
    pq.write_table(
        pa.table({"key": ["a", "b"], "image": [good, good], "attributes": [nested(100_000), "{}"]}), table
    )
    url = join(str(tmp_path), "shard.parquet")
    STORAGE.write_bytes(url, table.getvalue())
    broken, whole = read_shard(STORAGE, url)
    assert isinstance(broken, QuarantinedSample)
    assert (broken.key, broken.reason) == ("a", Reason.BAD_METADATA)
    assert whole.key == "b"


def test_other_text_is_read_as_ever() -> None:
    assert parse_json(b'{"a": [1, null]}') == {"a": [1, None]}
    with pytest.raises(ValueError, match="Expecting value"):
        parse_json("")

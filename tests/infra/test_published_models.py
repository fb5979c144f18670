"""A published model is whole, and the pointer always leads to one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import PublishedModelError, StorageError
from infra.published_models import model_url, newest, publish, read_model
from infra.storage.files import Storage, join

STORAGE = Storage()


class StorageThatDies(Storage):
    """Fails at the write of one file."""

    def write_bytes(self, url: str, data: bytes) -> None:
        if url.endswith("latest.json"):
            raise StorageError("gone")
        super().write_bytes(url, data)


def test_the_newest_model_is_the_last_one_published(folder_url: str) -> None:
    assert newest(STORAGE, folder_url) is None
    publish(STORAGE, folder_url, 250, b"first", "a" * 16, {})
    second = publish(STORAGE, folder_url, 500, b"second", "b" * 16, {"noc90": 4.5})
    assert newest(STORAGE, folder_url) == second
    assert (second.step, second.model_id, second.metrics) == (500, "b" * 16, {"noc90": 4.5})
    assert read_model(STORAGE, folder_url, second) == b"second"
    assert STORAGE.read_bytes(model_url(folder_url, 250)) == b"first"


def test_a_death_before_the_pointer_leaves_the_earlier_model_in_force(folder_url: str) -> None:
    first = publish(STORAGE, folder_url, 1, b"first", "a", {})
    with pytest.raises(StorageError):
        publish(StorageThatDies(), folder_url, 2, b"second", "b", {})
    assert newest(STORAGE, folder_url) == first


@pytest.mark.parametrize("content", [b"", b"hal", b"other", b"half of it and more"])
def test_a_model_that_is_not_the_one_published_is_not_taken(tmp_path: Path, content: bytes) -> None:
    model = publish(STORAGE, str(tmp_path), 7, b"half of it", "a", {})
    STORAGE.write_bytes(model_url(str(tmp_path), 7), content)
    with pytest.raises(
        PublishedModelError, match=r"is not the model that was published as step 7 \(10 bytes\)"
    ):
        read_model(STORAGE, str(tmp_path), model)


@pytest.mark.parametrize(
    "change",
    [
        None,
        {"file": "/etc/passwd"},
        {"file": "models/../../x"},
        {"metrics": 3},
        {"metrics": {"noc90": "4"}},
        {"metrics": {"noc90": math.nan}},
        {"published": "yesterday"},
        {"published": "2026-01-01T00:00:00"},
        {"step": -7},
        {"num_bytes": "5"},
        {"new": 1},
    ],
)
def test_a_broken_pointer_is_one_line(tmp_path: Path, change: dict[str, object] | None) -> None:
    publish(STORAGE, str(tmp_path), 7, b"model", "a", {})
    pointer = join(str(tmp_path), "models/latest.json")
    document = json.loads(STORAGE.read_bytes(pointer))
    STORAGE.write_bytes(pointer, b"[]" if change is None else json.dumps(document | change).encode())
    with pytest.raises(PublishedModelError, match=r"latest\.json is no pointer to a model") as caught:
        newest(STORAGE, str(tmp_path))
    assert "\n" not in str(caught.value)


@given(
    step=st.integers(0, 10**9),
    data=st.binary(max_size=50),
    metrics=st.dictionaries(st.text(max_size=8), st.floats(), max_size=4),
)
def test_what_is_published_is_read_back(step: int, data: bytes, metrics: Mapping[str, float]) -> None:
    url = f"memory://published/{step}"
    model = publish(STORAGE, url, step, data, "id", metrics)
    assert newest(STORAGE, url) == model
    assert set(model.metrics) == {name for name, value in metrics.items() if math.isfinite(value)}
    assert read_model(STORAGE, url, model) == data

"""Files that were damaged anywhere are read as something else, or refused in one line: nothing else is ever raised."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.errors import LabelImportError
from infra.exports.formats import FORMATS
from infra.imports.known_images import KnownImages
from tests.infra.exports.drawn_samples import exported_sample, target_at, write
from tests.infra.imports.programs import known, read, submit
from tests.infra.sample_factory import rectangle

SAMPLES = [
    exported_sample(
        "a", [rectangle(6, 8, slice(0, 3), slice(1, 5)), rectangle(6, 8, slice(4, 6), slice(2, 8))]
    ),
    exported_sample("folder/b", [rectangle(5, 5, slice(1, 4), slice(1, 4))]),
]
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        1.5,
        10**30,
        float("nan"),
        float("inf"),
        "",
        "x",
        "\ud800",
        [],
        {},
        [[]],
        [1, 2],
        {"a": 1},
    ]
).map(copy.deepcopy)


@pytest.fixture(
    scope="module", params=[("label-studio", "rle"), ("cvat", "rle"), ("coco", "rle"), ("coco", "polygons")]
)
def labels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, shape = request.param
    folder = tmp_path_factory.mktemp("labels")
    write(FORMATS[name], target_at(folder, shape), SAMPLES)
    return submit(folder, name)


def reads_or_refuses(path: Path) -> None:
    images: KnownImages = known(SAMPLES)
    try:
        read(path, images)
    except LabelImportError as error:
        assert "\n" not in str(error)


@settings(deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_that_were_lost_or_changed(labels: Path, data: st.DataObject) -> None:
    whole = labels.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(start + 200, len(whole))))
    damaged = labels.with_name(f"damaged{labels.suffix}")
    damaged.write_bytes(whole[:start] + data.draw(st.binary(max_size=8)) + whole[end:])
    reads_or_refuses(damaged)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_values_of_another_kind(labels: Path, data: st.DataObject) -> None:
    if labels.suffix != ".json":
        return
    document = json.loads(labels.read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = place_in(document, data)
        if holder is not None:
            holder[key] = data.draw(JUNK)
    damaged = labels.with_name("changed.json")
    damaged.write_text(json.dumps(document))
    reads_or_refuses(damaged)


def place_in(document: Any, data: st.DataObject) -> tuple[Any, Any]:
    """A list or an object anywhere in a document, and a place in it; None if the way ends in an empty one."""
    holder, key = None, None
    value = document
    while isinstance(value, list | dict) and value and (holder is None or data.draw(st.integers(0, 4))):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        holder, key = value, data.draw(st.sampled_from(keys))
        value = holder[key]
    return holder, key

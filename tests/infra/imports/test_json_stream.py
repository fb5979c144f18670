"""JSON of any size and layout is read entry by entry."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import LabelImportError
from infra.imports import json_stream
from infra.imports.json_stream import WHOLE_FILE, read_lists
from infra.storage.files import Storage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def lists(path: Path, text: str, *names: str) -> list[tuple[str, int, Any]]:
    path.write_text(text, encoding="utf-8")
    return list(read_lists(Storage(), str(path), names))


@given(
    document=st.lists(JSON, max_size=5) | st.dictionaries(st.text(max_size=3), JSON, max_size=5),
    indent=st.sampled_from([None, 0, 3]),
    block=st.integers(1, 9),
)
def test_every_list_is_read_as_json_reads_it_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, document: Any, indent: int | None, block: int
) -> None:
    whole = {WHOLE_FILE: document} if isinstance(document, list) else document
    wanted = {name: value for name, value in whole.items() if isinstance(value, list)}
    expected = [(name, place, entry) for name, value in wanted.items() for place, entry in enumerate(value)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "_BLOCK", block)
        path = tmp_path_factory.mktemp("json") / "x.json"
        if wanted:
            assert lists(path, json.dumps(document, indent=indent), *wanted) == expected


def test_a_byte_order_mark_is_no_character_of_the_file(tmp_path: Path) -> None:
    assert lists(tmp_path / "x.json", "\ufeff [1]", WHOLE_FILE) == [(WHOLE_FILE, 0, 1)]


def test_memory_holds_an_entry_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    entry = json.dumps({"rle": list(range(1000))})
    path.write_text(f"[{','.join([entry] * 8000)}]")
    assert path.stat().st_size > 30 * 2**20
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_lists(Storage(), str(path), (WHOLE_FILE,))) == 8000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"is not a list"),
        ("5", "'5' where the file should end"),
        ("[1, 2", "'the end of the file' in a list"),
        ("[1 2]", "'2' in a list, instead of a comma"),
        ("[1,]", "a comma before the end of a list"),
        ("[1] [2]", r"'\[' where the file should end"),
        ('{"a": [1]}', "is not a list"),
        ('{"a" [1]}', r"'\[' instead of ':'"),
        ('{"a": [1] "b": 2}', """'"' in an object, instead of a comma"""),
        ("{5: 1}", "a member of an object without a name"),
        ("[" * 100_000, "nested too deeply"),
        ("[tru]", "Expecting value"),
        (f"[{'9' * 5000}]", "is no JSON"),
    ],
)
def test_what_is_no_such_file_is_one_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(LabelImportError, match=told):
        lists(tmp_path / "x.json", text, WHOLE_FILE)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b'["\xff"]')
    with pytest.raises(LabelImportError, match="is no JSON"):
        list(read_lists(Storage(), str(tmp_path / "x.json"), (WHOLE_FILE,)))


def test_an_entry_that_no_memory_should_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "_BLOCK", 10)
    monkeypatch.setattr(json_stream, "MOST_CHARACTERS", 100)
    with pytest.raises(LabelImportError, match="an entry of more than 100 characters"):
        lists(tmp_path / "x.json", json.dumps(["x" * 1000]), WHOLE_FILE)

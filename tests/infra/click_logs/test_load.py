"""Click logs: what was logged is replayed in order, and what cannot be is refused where it stands."""

from __future__ import annotations

import json
import pickle
import random
import re
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.click_logs.click_log import LoggedClick
from infra.click_logs.load import load_click_log
from infra.errors import ClickLogError
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from tests.infra.click_logs.written_logs import GOOD, write_lines, write_parquet
from tests.infra.requests import asked
from tests.infra.rows import click_row, commit_rows, mask_row


def as_dict(click: LoggedClick) -> dict[str, Any]:
    return {name: getattr(click, name) for name in GOOD}


WRITERS = {"log.jsonl": write_lines, "log.parquet": write_parquet}
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).map(
    lambda text: unicodedata.normalize("NFC", text)
)
clicks_by_object = st.dictionaries(
    st.tuples(names, names),
    st.dictionaries(
        st.integers(0, 2**31 - 1),
        st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.booleans()),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.parametrize("name", WRITERS)
@given(logged=clicks_by_object, seed=st.integers(0, 99))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_every_click_comes_back_once_and_in_order(
    tmp_path: Path, name: str, logged: dict[tuple[str, str], dict[int, tuple[float, float, bool]]], seed: int
) -> None:
    rows = [
        dict(zip(GOOD, (*key, idx, *click), strict=True))
        for key, clicks in logged.items()
        for idx, click in clicks.items()
    ]
    random.Random(seed).shuffle(rows)
    log = load_click_log(Storage(), WRITERS[name](tmp_path / name, rows))
    assert log.num_clicks == len(rows)
    for key in {sample_key for sample_key, _ in logged}:
        expected = {
            object_id: [
                dict(zip(GOOD, (key, object_id, idx, *clicks[idx]), strict=True)) for idx in sorted(clicks)
            ]
            for (sample_key, object_id), clicks in logged.items()
            if sample_key == key
        }
        assert {
            name: [as_dict(click) for click in of] for name, of in log.objects_of(key).items()
        } == expected


def test_a_sample_without_clicks_has_no_objects(tmp_path: Path) -> None:
    log = load_click_log(Storage(), write_lines(tmp_path / "log.jsonl", [GOOD]))
    assert [log.objects_of(key) for key in ("", "a", "a/1x", "z")] == [{}, {}, {}, {}]


def test_a_log_travels_to_workers_whole(tmp_path: Path) -> None:
    log = load_click_log(Storage(), write_lines(tmp_path / "log.jsonl", [GOOD]))
    assert pickle.loads(pickle.dumps(log)).objects_of("a/1") == log.objects_of("a/1")


def test_a_log_of_many_clicks_stays_compact(tmp_path: Path) -> None:
    rows = pa.table(
        {
            "sample_key": [f"sample-{idx // 50:06d}" for idx in range(100_000)],
            "object_id": [str(idx // 10 % 5) for idx in range(100_000)],
            "click_idx": pa.array([idx % 10 for idx in range(100_000)], pa.uint8()),
            "y": pa.array(range(100_000), pa.float32()),
            "x": pa.array([idx % 640 for idx in range(100_000)], pa.int16()),
            "is_foreground": [True] * 100_000,
        }
    )
    pq.write_table(rows, tmp_path / "log.parquet")
    log = load_click_log(Storage(), str(tmp_path / "log.parquet"))
    assert len(pickle.dumps(log, protocol=5)) < 30 * 100_000 + 60_000
    assert [click.y for click in log.objects_of("sample-001999")["4"]] == [
        float(y) for y in range(99_990, 100_000)
    ]


def test_blank_lines_and_other_fields_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_text(f"\n{json.dumps(GOOD | {'annotator': 'kim'})}\n\n  \n")
    assert load_click_log(Storage(), str(path)).num_clicks == 1


def test_categorical_and_large_strings_are_strings(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([GOOD])
    table = table.set_column(0, "sample_key", table["sample_key"].dictionary_encode())
    table = table.set_column(1, "object_id", table["object_id"].cast(pa.large_string()))
    pq.write_table(table, tmp_path / "log.parquet")
    assert load_click_log(Storage(), str(tmp_path / "log.parquet")).objects_of("a/1").keys() == {"1"}


BROKEN: list[tuple[str, Any, str]] = [
    ("sample_key", "", "sample_key is '': it must be a string that is not empty, or an integer"),
    ("sample_key", None, "sample_key is None: it must be a string that is not empty, or an integer"),
    ("object_id", None, "object_id is None: it must be a string that is not empty, or an integer"),
    ("click_idx", -1, "click_idx is -1: it must be an integer from 0 to 2147483647"),
    ("click_idx", 2**31, "click_idx is 2147483648: it must be an integer from 0 to 2147483647"),
    ("click_idx", None, "click_idx is None: it must be an integer from 0 to 2147483647"),
    ("click_idx", 1.5, "click_idx is 1.5: it must be an integer from 0 to 2147483647"),
    ("click_idx", 2.0**31, "click_idx is 2147483648.0: it must be an integer from 0 to 2147483647"),
    ("y", float("nan"), "y is nan: it must be a finite number"),
    ("x", float("inf"), "x is inf: it must be a finite number"),
    ("x", None, "x is None: it must be a finite number"),
    (
        "is_foreground",
        None,
        "is_foreground is None: it must be true or false, 1 or 0 (or -1), or a word such as positive, negative, fg or "
        "bg",
    ),
]


@pytest.mark.parametrize(("field", "value", "message"), BROKEN)
def test_a_value_against_the_rules_is_named_with_its_line(
    tmp_path: Path, field: str, value: object, message: str
) -> None:
    url = write_lines(tmp_path / "log.jsonl", [GOOD, GOOD | {"click_idx": 1}, GOOD | {field: value}])
    with pytest.raises(ClickLogError) as caught:
        load_click_log(Storage(), url)
    assert str(caught.value) == f"{url} line 3: {message}"


@pytest.mark.parametrize(("field", "value", "message"), BROKEN)
def test_a_value_against_the_rules_is_named_with_its_row(
    tmp_path: Path, field: str, value: object, message: str
) -> None:
    url = write_parquet(tmp_path / "log.parquet", [GOOD, GOOD | {"click_idx": 1}, GOOD | {field: value}])
    with pytest.raises(ClickLogError) as caught:
        load_click_log(Storage(), url)
    assert str(caught.value) == f"{url} row 2 (counted from 0): {message}"


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("sample_key", 7.0, "7.0"),
        ("sample_key", True, "True"),
        ("click_idx", 0.5, "0.5"),
        ("click_idx", True, "True"),
        ("y", "12", "'12'"),
        ("y", True, "True"),
        ("x", 10**400, "1000"),
        ("is_foreground", 2, "2"),
        ("is_foreground", "yes", "'yes'"),
        ("object_id", ["x" * 200], "['xxx"),
    ],
)
def test_a_json_value_of_another_type_is_refused(
    tmp_path: Path, field: str, value: object, shown: str
) -> None:
    url = write_lines(tmp_path / "log.jsonl", [GOOD | {field: value}])
    with pytest.raises(ClickLogError) as caught:
        load_click_log(Storage(), url)
    assert str(caught.value).startswith(f"{url} line 1: {field} is {shown}")
    assert len(str(caught.value)) < len(url) + 160


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("sample_key", 7.0, "double"),
        ("click_idx", "0", "string"),
        ("y", "12", "string"),
        ("is_foreground", [True], "list<element: bool>"),
    ],
)
def test_a_parquet_column_of_another_type_is_refused(
    tmp_path: Path, field: str, value: object, found: str
) -> None:
    url = write_parquet(tmp_path / "log.parquet", [GOOD | {field: value}])
    with pytest.raises(ClickLogError, match=re.escape(f"column {field} is of type {found}: it must be ")):
        load_click_log(Storage(), url)


@pytest.mark.parametrize("name", WRITERS)
def test_a_missing_field_is_named(tmp_path: Path, name: str) -> None:
    row = {field: value for field, value in GOOD.items() if field != "is_foreground"}
    with pytest.raises(
        ClickLogError, match=r"has no (field|column) is_foreground: a click log needs sample_key, "
    ):
        load_click_log(Storage(), WRITERS[name](tmp_path / name, [row]))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'y': 1}", "is not JSON"),
        ("[1, 2]", "is no JSON object"),
        ('{"sample_key": "a"', "is not JSON"),
        ("\x00\x01", "is not JSON"),
        (json.dumps(GOOD | {"sample_key": "\ud800"}), "sample_key is '.*': it holds half a character"),
    ],
)
def test_a_line_that_is_no_object_is_refused(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n\n{line}\n")
    with pytest.raises(ClickLogError, match=message) as caught:
        load_click_log(Storage(), str(path))
    assert f"{path} line 3: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_parquet_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(ClickLogError, match=r"log\.parquet is no readable Parquet file"):
        load_click_log(Storage(), str(path))


def test_names_that_are_no_utf8_are_one_line(tmp_path: Path) -> None:
    keys = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe"))
    table = pa.Table.from_pylist([GOOD])
    pq.write_table(table.set_column(0, "sample_key", keys), tmp_path / "log.parquet")
    with pytest.raises(ClickLogError, match=r"log\.parquet is no readable Parquet file .*UTF8"):
        load_click_log(Storage(), str(tmp_path / "log.parquet"))


def test_an_index_that_comes_twice_is_named_with_both_places(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    other = GOOD | {"object_id": "2"}
    write_parquet(folder / "one.parquet", [other, GOOD, GOOD | {"click_idx": 1}])
    (folder / "two.jsonl").write_text(
        f"\n{json.dumps(other | {'click_idx': 1})}\n{json.dumps(GOOD | {'y': 9})}\n"
    )
    with pytest.raises(ClickLogError) as caught:
        load_click_log(Storage(), str(folder))
    assert str(caught.value) == (
        f"{folder}/two.jsonl line 3: click_idx 0 of object '1' of sample 'a/1' was there before, in "
        f"{folder}/one.parquet row 1 (counted from 0): every click of an object needs an index of its own"
    )


@pytest.mark.parametrize("name", ["nope.jsonl", "nope.txt", "folder.of.logs/"])
def test_a_log_that_is_not_there_is_called_that(folder_url: str, name: str) -> None:
    with pytest.raises(ClickLogError, match=rf"there is no click log at .*{name}: no such file or folder"):
        load_click_log(Storage(), f"{folder_url}/{name}")


def test_what_holds_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clicks.txt").write_text("1 2 3")
    (tmp_path / "empty").mkdir()
    for name in ("clicks.txt", "empty"):
        with pytest.raises(ClickLogError, match="is no click log: it needs to be a file that ends in"):
            load_click_log(Storage(), str(tmp_path / name))


@pytest.mark.parametrize("name", ["log.JSONL", "log.Parquet", "log.NdJson"])
def test_the_suffix_of_a_log_may_be_in_capital_letters(tmp_path: Path, name: str) -> None:
    write = write_parquet if name.endswith("Parquet") else write_lines
    write(tmp_path / name, [GOOD])
    for url in (tmp_path / name, tmp_path):
        log = load_click_log(Storage(), str(url))
        assert (log.num_clicks, log.notices) == (1, ())


def test_what_lies_beside_the_files_of_a_log_is_told(folder_url: str) -> None:
    storage = Storage()
    line = json.dumps(GOOD).encode()
    for name in ("a.jsonl", "b.txt", "b.jsonl.gz", "kim/c.jsonl", ".a.jsonl.crc"):
        storage.write_bytes(f"{folder_url}/{name}", line)
    log = load_click_log(storage, folder_url)
    assert log.num_clicks == 1
    (notice,) = log.notices
    assert "3 other files are not read (b.jsonl.gz, b.txt, kim/c.jsonl)" in notice


@pytest.mark.parametrize(("logged", "asked"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFD", "NFD")])
def test_an_accent_in_a_key_may_be_written_in_two_ways(tmp_path: Path, logged: str, asked: str) -> None:
    keys = {form: unicodedata.normalize(form, "straße/Übung café") for form in ("NFC", "NFD")}
    rows = [GOOD | {"sample_key": key} for key in (keys[logged], "a", "Z", "ü")]
    rows.append(GOOD | {"sample_key": keys["NFC"], "click_idx": 1})
    log = load_click_log(Storage(), write_lines(tmp_path / "log.jsonl", rows))
    assert [click.click_idx for click in log.objects_of(keys[asked])["1"]] == [0, 1]
    assert log.sample_keys.to_pylist() == sorted([keys["NFC"], "a", "Z", "ü"])
    assert [notice.split(": ")[-1] for notice in log.notices] == ["taken as composed ones (NFC)"] * (
        logged == "NFD"
    )


def test_a_log_without_clicks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClickLogError, match="no clicks"):
        load_click_log(Storage(), write_lines(tmp_path / "log.jsonl", []))


@pytest.mark.parametrize("folder", ["", "/", "/clicks", "/clicks/"])
def test_of_a_run_only_committed_clicks_are_read(tmp_path: Path, folder: str) -> None:
    run = RunDirectory(str(tmp_path / "run"), Storage())
    run.open(asked())
    rows = [click_row("k", "1", idx, shard="s0.tar", is_foreground=idx != 1) for idx in range(3)]
    commit_rows(run, "s0.tar", "first", [mask_row("k", "1")], rows)
    orphan = tmp_path / "run/clicks/s0-second_0.parquet"
    orphan.write_bytes(next((tmp_path / "run/clicks").iterdir()).read_bytes())
    log = load_click_log(Storage(), run.url + folder)
    assert [click.is_foreground for click in log.objects_of("k")["1"]] == [True, False, True]
    assert log.objects_of("k")["1"][0] == LoggedClick("k", "1", 0, 2.0, 3.0, True, 0)


def test_an_index_beyond_every_signed_integer_is_named_with_its_row(tmp_path: Path) -> None:
    columns = {name: [value, value] for name, value in GOOD.items()}
    columns["click_idx"] = pa.array([0, 2**64 - 1], pa.uint64())
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    with pytest.raises(
        ClickLogError, match=r"row 1 .*click_idx is 18446744073709551615: it must be an integer"
    ):
        load_click_log(Storage(), str(tmp_path / "log.parquet"))


def test_a_column_that_is_there_twice_is_named(tmp_path: Path) -> None:
    arrays = [pa.array([value]) for value in (*GOOD.values(), GOOD["y"])]
    pq.write_table(pa.Table.from_arrays(arrays, names=[*GOOD, "y"]), tmp_path / "log.parquet")
    with pytest.raises(ClickLogError, match="has several columns y: a click log needs"):
        load_click_log(Storage(), str(tmp_path / "log.parquet"))

"""Tables of clicks in the columns, words and orders that people write."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.errors import ClickLogError
from tests.infra.click_logs.written_logs import (
    GOOD,
    WRITERS,
    clicks_of,
    read,
    read_text,
    write_csv,
    write_lines,
    write_parquet,
)

HEADER = "sample_key,object_id,click_idx,y,x,is_foreground"
names = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=6).map(
    lambda text: unicodedata.normalize("NFC", text).strip() or "k"
)
logged_clicks = st.lists(
    st.tuples(names, names, st.integers(0, 5), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.booleans()),
    min_size=1,
    max_size=12,
    unique_by=lambda click: click[:3],
)


@given(clicks=logged_clicks, delimiter=st.sampled_from(",;\t"), seed=st.integers(0, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_a_log_is_the_same_in_every_kind_of_table(
    tmp_path: Path, clicks: list[tuple[Any, ...]], delimiter: str, seed: int
) -> None:
    rows = [dict(zip(GOOD, click, strict=True)) | {"look": click[2] // 2} for click in clicks]
    random.Random(seed).shuffle(rows)
    logs = [
        read(write_csv(tmp_path / "log.csv", rows, delimiter)),
        read(write_lines(tmp_path / "log.jsonl", rows)),
        read(write_parquet(tmp_path / "log.parquet", rows)),
    ]
    assert clicks_of(logs[0]) == clicks_of(logs[1]) == clicks_of(logs[2])
    assert logs[0].look.tolist() == logs[1].look.tolist() == logs[2].look.tolist()
    assert logs[0].num_clicks == len(rows)


@pytest.mark.parametrize(
    ("word", "is_foreground"),
    [
        (True, True), (1, True), (1.0, True), ("1", True), ("+1", True), ("true", True), ("TRUE", True),
        ("positive", True), ("Pos", True), ("fg", True), (" Foreground ", True),
        (False, False), (0, False), (-1, False), (0.0, False), ("0", False), ("-1", False), ("False", False),
        ("negative", False), ("NEG", False), ("bg", False), ("background", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", WRITERS)
def test_the_kind_of_a_click_may_be_a_word(
    tmp_path: Path, name: str, word: object, is_foreground: bool
) -> None:
    log = read(WRITERS[name](tmp_path / name, [{**GOOD, "is_foreground": word}]))
    assert log.is_foreground.tolist() == [is_foreground]


@pytest.mark.parametrize("name", WRITERS)
def test_a_word_that_says_neither_is_named_with_its_place(tmp_path: Path, name: str) -> None:
    rows = [{**GOOD, "is_foreground": "fg"}, {**GOOD, "click_idx": 1, "is_foreground": "maybe"}]
    url = WRITERS[name](tmp_path / name, rows)
    place = {"log.csv": "line 3", "log.jsonl": "line 2", "log.parquet": "row 1 (counted from 0)"}[name]
    with pytest.raises(ClickLogError) as caught:
        read(url)
    assert str(caught.value).startswith(f"{url} {place}: is_foreground is 'maybe': it must be true or false")


@pytest.mark.parametrize("name", WRITERS)
def test_columns_may_be_called_otherwise_and_images_give_keys(tmp_path: Path, name: str) -> None:
    theirs = {"image": "images/cats/1.jpg", "obj": 7, "n": 0, "px": 3.0, "py": 2.5, "label": 1, "note": "x"}
    url = WRITERS[name](tmp_path / name, [theirs])
    log = read(url, "sample_key=image", "object_id=obj", "click_idx=n", "x=px", "y=py", "is_foreground=label")
    assert clicks_of(log) == {("cats/1", "7"): [(2.5, 3.0, True)]}


@pytest.mark.parametrize("name", WRITERS)
def test_a_column_that_an_option_names_must_be_there(tmp_path: Path, name: str) -> None:
    url = WRITERS[name](tmp_path / name, [GOOD])
    with pytest.raises(ClickLogError, match=r"has no (field|column) time: .*--click-column OURS=THEIRS"):
        read(url, "timestamp=time")


@pytest.mark.parametrize("name", WRITERS)
def test_one_column_may_be_key_and_object(tmp_path: Path, name: str) -> None:
    row = {"image": "1.png", "y": 1, "x": 2, "is_foreground": 1}
    log = read(WRITERS[name](tmp_path / name, [row]), "sample_key=image", "object_id=image")
    assert clicks_of(log) == {("1", "1.png"): [(1, 2, True)]}


def test_names_of_two_images_are_not_taken_for_one_key(tmp_path: Path) -> None:
    rows = [{**GOOD, "image": name, "click_idx": number} for number, name in enumerate(("a.png", "a.jpg"))]
    with pytest.raises(ClickLogError, match=r"images 'a.jpg' and 'a.png', which are both of sample 'a'"):
        read(write_lines(tmp_path / "log.jsonl", rows), "sample_key=image")


@pytest.mark.parametrize("name", ["log.jsonl", "log.parquet"])
def test_whole_numbers_as_keys_and_ids_are_text(tmp_path: Path, name: str) -> None:
    log = read(WRITERS[name](tmp_path / name, [{**GOOD, "sample_key": 17, "object_id": 3}]))
    assert clicks_of(log) == {("17", "3"): [(2.5, 3, True)]}


def test_keys_of_a_csv_stand_as_they_are_written(tmp_path: Path) -> None:
    log = read_text(tmp_path / "log.csv", f"{HEADER}\n007,1.0,0,1,2,1\n")
    assert list(clicks_of(log)) == [("007", "1.0")]


@pytest.mark.parametrize("name", WRITERS)
def test_whole_numbers_with_a_point_are_indices(tmp_path: Path, name: str) -> None:
    rows = [{**GOOD, "click_idx": index, "look": index, "y": index} for index in (2.0, 0.0, 1.0)]
    log = read(WRITERS[name](tmp_path / name, rows))
    assert (log.click_idx.tolist(), log.y.tolist(), log.look.tolist()) == ([0, 1, 2], [0, 1, 2], [0, 1, 2])


@pytest.mark.parametrize(
    ("index", "shown"),
    [(1.5, "1.5"), (-1.0, "-1.0"), (float("nan"), "nan"), (2.0**31, "2147483648.0"), (None, "None")],
)
def test_other_numbers_with_a_point_are_no_indices(tmp_path: Path, index: float, shown: str) -> None:
    url = write_parquet(tmp_path / "log.parquet", [{**GOOD, "click_idx": 0.0}, {**GOOD, "click_idx": index}])
    with pytest.raises(ClickLogError) as caught:
        read(url)
    assert str(caught.value) == (
        f"{url} row 1 (counted from 0): click_idx is {shown}: it must be an integer from 0 to 2147483647"
    )


def test_a_decimal_comma_is_told_how_to_write_it(tmp_path: Path) -> None:
    header = HEADER.replace(",", ";")
    for text, remedy in (("25,5", ": write a decimal point"), ("a,5", ""), ("1,234.5", "")):
        path = tmp_path / "log.csv"
        with pytest.raises(ClickLogError) as caught:
            read_text(path, f"{header}\na;1;0;{text};2;1\n")
        assert str(caught.value) == f"{path} line 2: y is '{text}': it must be a finite number{remedy}"


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{HEADER}\r\na,1,0,1.5,2,fg\r\n",
        "sample_key;object_id;click_idx;y;x;is_foreground;note, with commas\na;1;0;1.5;2;fg;x,y,z\n",
        "sample_key\tobject_id\tclick_idx\ty\tx\tis_foreground\na\t1\t0\t1.5\t2\tfg\n",
        f'"note";{HEADER.replace(",", ";")}\n"two\nlines; ""said""";a;1;0;1.5;2;fg\n',
        f"\n{HEADER.replace(',', ', ')}\n\na, 1, 0, +1.5, 2e0, fg\n\n",
        f'"{HEADER.replace(",", chr(34) + "," + chr(34))}"\n"a","1","0","1.5","2","fg"\n',
        f"{HEADER}\na,1,0,1.5,2,fg",
    ],
)
def test_a_csv_is_read_as_programs_write_it(tmp_path: Path, text: str) -> None:
    assert clicks_of(read_text(tmp_path / "log.csv", text)) == {("a", "1"): [(1.5, 2, True)]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEADER}\na,1,0,1,2,1\na,1,1,1,2\n", " line 3 has 5 fields, and the header has 6: 'a,1,1,1,2'"),
        (f'{HEADER}\n"a\nb",1,0,1,2,1\na,1,0,1,two,1\n', " line 4: x is 'two': it must be a finite number"),
        (f"{HEADER}\na,1,0,,2,1\n", " line 2: y is '': it must be a finite number"),
        (f"{HEADER}\na,1,0,nan,2,1\n", " line 2: y is 'nan': it must be a finite number"),
        (f"{HEADER}\na,1,0,1e999,2,1\n", " line 2: y is '1e999': it must be a finite number"),
        (f"{HEADER}\na,1,0.5,1,2,1\n", " line 2: click_idx is '0.5': it must be an integer"),
        (f"{HEADER}\n,1,0,1,2,1\n", " line 2: sample_key is '': it must be a string"),
        (f'{HEADER}\n"a"b,1,0,1,2,1\n', " line 2 is no row of a CSV ("),
        (f'{HEADER}\na,1,0,1,2,1\n"a,1,0,1,2,1\n', " line 3 is no row of a CSV ("),
        (HEADER.replace(",y", "") + "\n", " has no column y: a click log needs"),
        ("a b c\n1 2 3\n", " has no column sample_key, object_id, y, x, is_foreground: a click log needs"),
        (f"{HEADER},y\na,1,0,1,2,1,5\n", " has several columns y: a click log needs"),
        (f"{HEADER}\n", ": no clicks; a click log needs one row, line or point for every click"),
        ("", ": no clicks; a click log needs one row, line or point for every click"),
        ('"a,b\n', " line 1 is no header of a CSV"),
    ],
)
def test_what_is_wrong_in_a_csv_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ClickLogError) as caught:
        read_text(tmp_path / "log.csv", text)
    assert str(caught.value).startswith(f"{tmp_path}/log.csv{message}")
    assert "\n" not in str(caught.value)


def test_a_csv_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(f"{HEADER}\na,1,0,1,2,1\nä,1,0,1,2,1\n".encode("latin-1"))
    with pytest.raises(ClickLogError, match=r"log.csv line 3 is no UTF-8: save the table as CSV in UTF-8"):
        read(str(tmp_path / "log.csv"))
    (tmp_path / "log.csv").write_bytes(f"{HEADER}\n".encode("utf-16"))
    with pytest.raises(ClickLogError, match=r"log.csv line 1 is no UTF-8"):
        read(str(tmp_path / "log.csv"))


def test_units_of_a_table_are_what_a_person_says(tmp_path: Path) -> None:
    url = write_csv(tmp_path / "log.csv", [GOOD])
    assert [read(url).units, read(url, units="percent").units, read(url, units="normalised").units] == [
        "pixels",
        "percent",
        "normalised",
    ]

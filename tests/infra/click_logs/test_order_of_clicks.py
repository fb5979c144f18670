"""What orders the clicks of a table: an index, times, looks, or the file."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.errors import ClickLogError
from tests.infra.click_logs.written_logs import (
    GOOD,
    WRITERS,
    clicks_of,
    read,
    write_csv,
    write_lines,
    write_parquet,
)

TIMES: dict[str, list[Any]] = {
    "text": ["2026-01-02T10:00:00.5", "2026-01-02T10:00:01", "2026-01-02T09:59:59.999999"],
    "zoned": ["2026-01-02T10:00:00+01:00", "2026-01-02T09:30:00Z", "2026-01-02T08:00:00Z"],
    "seconds": [1767348000.25, 1767348001, 1767347999.5],
    "milliseconds": [1767348000250, 1767348001000, 1767347999500],
}


@pytest.mark.parametrize("kind", TIMES)
@pytest.mark.parametrize("name", WRITERS)
def test_timestamps_order_clicks_without_an_index(tmp_path: Path, name: str, kind: str) -> None:
    rows = [
        {**GOOD, "y": number, "timestamp": time, "click_idx": None} for number, time in enumerate(TIMES[kind])
    ]
    for row in rows:
        del row["click_idx"]
    log = read(WRITERS[name](tmp_path / name, rows))
    assert log.y.tolist() == [2, 0, 1]
    assert log.click_idx.tolist() == [0, 1, 2]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_may_be_those_of_arrow(tmp_path: Path, unit: str, zone: str | None) -> None:
    columns: dict[str, Any] = {name: [value] * 3 for name, value in GOOD.items() if name != "click_idx"}
    times = [datetime(2026, 1, 2, 3, 4, second, tzinfo=UTC if zone else None) for second in (3, 1, 2)]
    columns |= {"timestamp": pa.array(times, pa.timestamp(unit, zone)), "y": [3, 1, 2]}
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    assert read(str(tmp_path / "log.parquet")).y.tolist() == [1, 2, 3]


def test_an_index_goes_before_a_timestamp(tmp_path: Path) -> None:
    rows = [{**GOOD, "click_idx": 1 - number, "timestamp": number, "y": number} for number in range(2)]
    assert read(write_lines(tmp_path / "log.jsonl", rows)).y.tolist() == [1, 0]


TIMED = {name: value for name, value in GOOD.items() if name != "click_idx"} | {"timestamp": 5}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [TIMED, TIMED],
            "line 2: the timestamp of a click on object '1' of sample 'a/1' was there before, in ",
        ),
        ([TIMED, TIMED | {"timestamp": None}], "line 2: timestamp is None: it must be a time"),
        ([TIMED | {"timestamp": "noon"}], "line 1: timestamp is 'noon': it must be a time"),
        ([TIMED | {"timestamp": True}], "line 1: timestamp is True: it must be a time"),
        ([TIMED | {"timestamp": 2**53 + 1}], "line 1: timestamp is 9007199254740993: it must be a time"),
        (
            [TIMED, TIMED | {"timestamp": "2026-01-01"}],
            "line 2: the rows before have timestamps that are numbers, and timestamp is '2026-01-01' here: write all",
        ),
        (
            [TIMED | {"timestamp": "2026-01-01T00:00Z"}, TIMED | {"timestamp": "2026-01-01"}],
            "line 2: the rows before have timestamps with a zone, and timestamp is '2026-01-01' here: write all",
        ),
        ([TIMED, GOOD], "line 2 has no field timestamp, and the first line has one"),
        ([TIMED, TIMED | {"click_idx": 0}], "line 2 has a field click_idx, and the first line has none"),
        ([GOOD, TIMED], "line 2 has no field click_idx, and the first line has one"),
        ([GOOD, {**GOOD, "click_idx": 1, "look": 0}], "line 2 has a field look"),
    ],
)
def test_what_leaves_the_order_open_is_named_with_its_line(
    tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    url = write_lines(tmp_path / "log.jsonl", rows)
    with pytest.raises(ClickLogError) as caught:
        read(url)
    assert str(caught.value).startswith(f"{url} {message}")
    assert "\n" not in str(caught.value)


def test_times_of_a_parquet_column_are_of_one_kind(tmp_path: Path) -> None:
    rows = [TIMED | {"timestamp": "2026-01-01T00:00Z"}, TIMED | {"timestamp": "2026-01-01"}]
    with pytest.raises(ClickLogError, match="column timestamp has times with a zone and times without"):
        read(write_parquet(tmp_path / "log.parquet", rows))
    url = write_parquet(tmp_path / "log.parquet", [TIMED, TIMED | {"timestamp": None}])
    with pytest.raises(ClickLogError, match=r"row 1 \(counted from 0\): timestamp is None"):
        read(url)
    url = write_parquet(tmp_path / "log.parquet", [TIMED | {"timestamp": [1]}])
    with pytest.raises(ClickLogError, match="column timestamp is of type list"):
        read(url)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("later", [1700000001500, 1700000001500000])
def test_times_of_two_units_are_refused_with_both_places(tmp_path: Path, name: str, later: int) -> None:
    times = [1700000001, 1700000002, later]
    rows = [TIMED | {"timestamp": time, "object_id": str(time % 2)} for time in times]
    url = WRITERS[name](tmp_path / name, rows)
    first, third = (
        ("row 0 (counted from 0)", "row 2 (counted from 0)") if "parquet" in name else ("line 1", "line 3")
    )
    if name == "log.csv":
        first, third = "line 2", "line 4"
    with pytest.raises(ClickLogError) as caught:
        read(url)
    assert str(caught.value) == (
        f"{url} {third}: the timestamp is {later}, and 1700000001 in {url} {first}: they are in different units "
        "(seconds, milliseconds), so their order is open: write all times in one unit"
    )


def test_times_of_two_units_in_two_files_are_refused(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [TIMED | {"timestamp": 1700000001500}])
    write_csv(tmp_path / "b.csv", [TIMED | {"timestamp": 1700000002.5}])
    with pytest.raises(
        ClickLogError, match=r"b\.csv line 2: the timestamp is 1700000002.5, and 1700000001500 in"
    ):
        read(str(tmp_path))


def test_times_from_a_start_may_be_short_and_long(tmp_path: Path) -> None:
    rows = [TIMED | {"timestamp": time, "y": number} for number, time in enumerate((9e9, 0, 0.25))]
    assert read(write_lines(tmp_path / "log.jsonl", rows)).y.tolist() == [1, 2, 0]


UNORDERED = {name: value for name, value in GOOD.items() if name != "click_idx"}


@pytest.mark.parametrize("name", WRITERS)
def test_without_index_and_timestamp_the_order_is_that_of_the_file(tmp_path: Path, name: str) -> None:
    rows = [UNORDERED | {"y": y, "object_id": str(y % 2)} for y in (4, 9, 2, 7)]
    log = read(WRITERS[name](tmp_path / name, rows))
    assert [click[0] for click in clicks_of(log)[("a/1", "0")]] == [4, 2]
    assert [click[0] for click in clicks_of(log)[("a/1", "1")]] == [9, 7]
    assert log.click_idx.tolist() == [0, 1, 0, 1]


def test_an_object_that_nothing_orders_may_not_be_in_two_files(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [UNORDERED])
    write_csv(tmp_path / "b.csv", [UNORDERED | {"object_id": "2"}])
    assert read(str(tmp_path)).num_clicks == 2
    write_csv(tmp_path / "b.csv", [UNORDERED | {"object_id": "2"}, UNORDERED])
    with pytest.raises(ClickLogError) as caught:
        read(str(tmp_path))
    assert str(caught.value) == (
        f"{tmp_path}/b.csv line 3: a click on object '1' of sample 'a/1', which has others in {tmp_path}/a.jsonl "
        "line 1, and neither click_idx nor timestamp says which came first: add one of them, or keep an "
        "object in one file"
    )


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (TIMED, "b.jsonl orders clicks by timestamps that are numbers, and .*a.jsonl by click_idx"),
        ({**GOOD, "click_idx": 1, "look": 3}, "b.jsonl has a column look, and .*a.jsonl has none"),
    ],
)
def test_files_of_a_log_agree_on_what_orders_clicks(
    tmp_path: Path, other: dict[str, Any], message: str
) -> None:
    write_lines(tmp_path / "a.jsonl", [GOOD])
    write_lines(tmp_path / "b.jsonl", [other])
    with pytest.raises(ClickLogError, match=message):
        read(str(tmp_path))


@pytest.mark.parametrize("name", WRITERS)
def test_clicks_of_one_look_were_made_in_a_row(tmp_path: Path, name: str) -> None:
    rows = [
        {**GOOD, "click_idx": index, "look": look, "object_id": object_id}
        for object_id, looks in (("1", [4, 4, 7, 9, 9]), ("2", [0, 1]))
        for index, look in enumerate(looks)
    ]
    random.Random(3).shuffle(rows)
    log = read(WRITERS[name](tmp_path / name, rows))
    assert log.look.tolist() == [0, 0, 1, 2, 2, 0, 1]
    assert [click.look for click in log.objects_of("a/1")["2"]] == [0, 1]


def test_without_looks_every_click_has_its_own(tmp_path: Path) -> None:
    rows = [{**GOOD, "click_idx": index} for index in (3, 5, 90)]
    log = read(write_lines(tmp_path / "log.jsonl", rows))
    assert (log.look.tolist(), log.click_idx.tolist()) == ([0, 1, 2], [3, 5, 90])


@pytest.mark.parametrize("name", WRITERS)
def test_a_look_that_falls_or_is_no_integer_is_refused(tmp_path: Path, name: str) -> None:
    falling = [{**GOOD, "click_idx": index, "look": look} for index, look in enumerate((1, 2, 1))]
    with pytest.raises(
        ClickLogError, match=r"look is 1 for a click on object '1' .* and 2 for the click before"
    ):
        read(WRITERS[name](tmp_path / name, falling))
    with pytest.raises(ClickLogError, match=r"look is '?-1'?: it must be an integer from 0"):
        read(WRITERS[name](tmp_path / name, [{**GOOD, "look": -1}]))

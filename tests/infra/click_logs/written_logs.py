"""Small click logs for tests, as files."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from infra.click_logs.click_log import ClickLog
from infra.click_logs.load import load_click_log
from infra.click_logs.options import ClickLogOptions, ClickUnits, LogFormatName
from infra.storage.files import Storage

Row = Mapping[str, Any]
GOOD: dict[str, Any] = {
    "sample_key": "a/1",
    "object_id": "1",
    "click_idx": 0,
    "y": 2.5,
    "x": 3,
    "is_foreground": True,
}


def write_lines(path: Path, rows: Sequence[Row]) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def write_parquet(path: Path, rows: Sequence[Row]) -> str:
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
    return str(path)


def write_csv(path: Path, rows: Sequence[Row], delimiter: str = ",") -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, quoting=csv.QUOTE_MINIMAL)
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


WRITERS = {"log.jsonl": write_lines, "log.parquet": write_parquet, "log.csv": write_csv}


def read(
    url: str,
    *columns: str,
    units: ClickUnits | Literal["auto"] = "auto",
    format: LogFormatName | Literal["auto"] = "auto",  # noqa: A002
) -> ClickLog:
    return load_click_log(Storage(), url, ClickLogOptions(format=format, columns=columns, units=units))


def read_text(path: Path, text: str, *columns: str) -> ClickLog:
    path.write_text(text, encoding="utf-8")
    return read(str(path), *columns)


def clicks_of(log: ClickLog) -> dict[tuple[str, str], list[tuple[float, float, bool]]]:
    """Every click of a log as (y, x, is_foreground), in order, by sample and object."""
    return {
        (key, object_id): [(click.y, click.x, click.is_foreground) for click in clicks]
        for key in log.sample_keys.to_pylist()
        for object_id, clicks in log.objects_of(key).items()
    }

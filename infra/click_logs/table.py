"""Tables with a row for each click: CSV, JSON Lines and Parquet, told apart by their endings."""

from __future__ import annotations

from collections.abc import Iterator

from infra.click_logs.arrow_table import read_parquet
from infra.click_logs.csv_table import read_csv
from infra.click_logs.json_lines import read_json_lines
from infra.click_logs.log_format import LogFormat
from infra.click_logs.log_part import LogPart
from infra.click_logs.options import ClickLogOptions
from infra.errors import ClickLogError
from infra.storage.files import Storage

_CSV = (".csv", ".tsv")
_JSON_LINES = (".jsonl", ".ndjson", ".json")
_PARQUET = (".parquet",)


def _read(storage: Storage, url: str, options: ClickLogOptions) -> Iterator[LogPart]:
    name = url.lower()
    if name.endswith(_PARQUET):
        yield read_parquet(storage, url, options)
    elif name.endswith(_JSON_LINES):
        yield from read_json_lines(storage, url, options)
    elif name.endswith(_CSV):
        yield from read_csv(storage, url, options)
    else:
        raise ClickLogError(f"{url} is no table: its name must end in {', '.join(TABLE.suffixes)}")


TABLE = LogFormat("table", (*_PARQUET, *_JSON_LINES, *_CSV), lambda _: True, _read, "auto")

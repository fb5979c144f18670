"""The clicks of a run as a click log: only what is committed counts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from infra.click_logs.arrow_table import part_of_table
from infra.click_logs.log_part import LogPart
from infra.click_logs.options import ClickLogOptions
from infra.click_logs.table_columns import Columns
from infra.errors import ClickLogError
from infra.runs.repeated_keys import repeated_keys
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS
from infra.storage.files import join

_COLUMNS = ("sample_key", "object_id", "click_idx", "y", "x", "is_foreground")


def read_run(run: RunDirectory, options: ClickLogOptions) -> Iterator[LogPart]:
    """Yield the clicks of a run, a part for each committed shard.

    Raises:
        ClickLogError: several samples of the run have one key, or an option says how to read it.

    """
    if options != ClickLogOptions():
        raise ClickLogError(
            f"{run.url} is a run, whose columns and pixels are known: leave out --click-format, --click-column and "
            "--click-units"
        )
    records = list(run.committed().values())
    tables = list(run.read_parts(CLICKS, records, (*_COLUMNS, "is_looked_at")))
    shards, keys = (record.shard for record in records), (table["sample_key"] for table in tables)
    for repeated in repeated_keys(zip(shards, keys, strict=True)):
        raise ClickLogError(
            f"{run.url} has clicks on several samples of one key ({repeated}), which a log cannot tell apart: "
            "give each sample a key of its own, as mfp shard does, and run again"
        )
    columns = Columns({name: name for name in (*_COLUMNS, "look")}, "click_idx")
    for record, table in zip(records, tables, strict=True):
        looked_at = table["is_looked_at"].to_numpy()
        # how many looks came before, of the whole part: within an object it never falls
        look = pa.array(np.cumsum(looked_at) - looked_at, pa.int64())
        with_looks = table.select(list(_COLUMNS)).append_column("look", look)
        yield part_of_table(join(run.url, record.parts[CLICKS.name].path), with_looks, columns)

"""Starts from another run: its committed masks, those of the best quality first."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import StartError
from infra.runs.commit import CommitRecord
from infra.runs.repeated_keys import repeated_keys
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import MASKS
from infra.shards.image_file import MAX_PIXELS
from infra.starts.sample_lookup import ByKey
from infra.starts.start_rows import SCHEMAS, StartPart, StartsRead, row_place
from infra.storage.files import join

_COLUMNS = ("sample_key", "object_id", "rle", "height", "width", "quality")


def read_run(run: RunDirectory) -> StartsRead:
    """Read the masks of every committed shard, part by part; a run that goes on has more of them later.

    Raises:
        StartError: samples of several shards share a key, or a mask has a size that no image has.
        RunDirectoryError: a part is not the one that was committed.

    """
    records = list(run.committed().values())
    parts = list(_parts(run, records))
    shards = (record.shard for record in records)
    for repeated in repeated_keys(zip(shards, (part.table["sample_key"] for part in parts), strict=True)):
        raise StartError(
            f"{run.url} has masks of several samples of one key ({repeated}), which nothing tells apart: give each "
            "sample a key of its own, as mfp shard does, and run again"
        )
    return StartsRead(parts, lambda keys: ByKey())


def _parts(run: RunDirectory, records: list[CommitRecord]) -> Iterator[StartPart]:
    for record, table in zip(records, run.read_parts(MASKS, records, _COLUMNS), strict=True):
        columns = {name: table[name] for name in _COLUMNS[:-1]} | {
            "sample_key": table["sample_key"].dictionary_encode(),
            "priority": pc.fill_null(table["quality"], 0.0),
        }
        rows = pa.table(columns).select(SCHEMAS["masks"].names).cast(SCHEMAS["masks"])
        part = StartPart(rows, row_place(join(run.url, record.parts[MASKS.name].path)))
        _check_sizes(part)
        yield part


def _check_sizes(part: StartPart) -> None:
    heights, widths = (part.table[name].cast(pa.int64()) for name in ("height", "width"))
    pixels = pc.multiply(heights, widths)
    wrong = pc.or_(pc.less(pc.min_element_wise(heights, widths), 1), pc.greater(pixels, MAX_PIXELS))
    row = pc.index(wrong, True).as_py()
    if row >= 0:
        raise StartError(
            f"{part.place(row)}: a mask of {heights[row].as_py()} x {widths[row].as_py()} pixels: it must have 1 to "
            f"{MAX_PIXELS} of them; run again"
        )

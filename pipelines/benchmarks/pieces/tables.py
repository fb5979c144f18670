"""Writing the table of masks as Parquet."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from infra import rle
from infra.runs.part_writer import PartWriter
from infra.runs.tables import MASKS, BoundingBox, MaskRow
from pipelines.benchmarks.pieces.masks import Mask
from pipelines.benchmarks.pieces.piece import Choice, Function, Piece

_ROWS = 500


def writing(masks: Sequence[Mask]) -> Piece:
    """A part file of 500 rows, made of Python values, zstd."""
    rows = [_row(number, masks[number % len(masks)]) for number in range(_ROWS)]
    return Piece(
        f"{_ROWS} rows of masks as Parquet",
        [rows],
        Choice("ours (PyArrow)", lambda: _pyarrow),
        (Choice("DuckDB", _duckdb), Choice("Polars", _polars)),
        lambda one, other: bool(one == other),
    )


def _row(number: int, mask: Mask) -> MaskRow:
    height, width = mask.shape
    encoded = rle.encode(mask)
    return MaskRow(
        sample_key=f"photograph-{number:05d}",
        object_id="1",
        height=height,
        width=width,
        rle=encoded,
        bbox=BoundingBox(*rle.bbox(encoded, height, width)),
        area=int(mask.sum()),
        num_clicks=3,
        start="nothing",
        start_iou=None,
        iou=0.9,
        boundary_iou=0.8,
        quality=0.9,
        expected_iou=0.75,
        margin=0.9,
        stability=0.8,
        flip_agreement=0.85,
        region_share=0.25,
        round_agreement=0.5,
        area_change=0.25,
        divergence=None,
        truth_area=int(mask.sum()),
        stop_reason="target_reached",
        model_id="0123456789abcdef",
        shard="shard-000000.tar",
    )


def _pyarrow(rows: Sequence[MaskRow]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        writer = PartWriter(MASKS, Path(folder, "part.parquet"))
        for row in rows:
            writer.append(row)
        writer.close()
        return _num_rows(writer.path)


def _duckdb() -> Function:
    import duckdb

    def write(rows: Sequence[MaskRow]) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "part.parquet")
            table = MASKS.to_table(list(rows))
            with duckdb.connect() as connection:
                connection.register("rows", table)
                connection.execute(f"COPY rows TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
            return _num_rows(path)

    return write


def _polars() -> Function:
    import polars

    def write(rows: Sequence[MaskRow]) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "part.parquet")
            polars.from_arrow(MASKS.to_table(list(rows))).write_parquet(path, compression="zstd")
            return _num_rows(path)

    return write


def _num_rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)

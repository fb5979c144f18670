"""Part files in the making: the order and the bytes of their rows, and a disk that is full."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from infra.errors import StorageError
from infra.runs.part_writer import BYTES_IN_GROUP, ROWS_IN_GROUP, PartWriter
from infra.runs.tables import CLICKS, MASKS
from tests.infra.rows import click_row, mask_row, part_bytes

FULL = Path("/dev/full")  # takes no byte, as a full disk


def test_rows_of_many_groups_come_back_in_the_order_they_came() -> None:
    rows = [click_row("k", str(-number), number) for number in range(2 * ROWS_IN_GROUP + 7)]
    data = part_bytes(CLICKS, rows)
    assert pq.ParquetFile(io.BytesIO(data)).num_row_groups == 3
    assert CLICKS.to_rows(CLICKS.from_parquet(data)) == rows
    assert part_bytes(CLICKS, rows) == data


def test_a_group_of_large_masks_ends_by_its_bytes() -> None:
    rows = [replace(mask_row("k", str(number)), rle=bytes(BYTES_IN_GROUP // 2)) for number in range(5)]
    data = part_bytes(MASKS, rows)
    assert pq.ParquetFile(io.BytesIO(data)).num_row_groups == 3
    assert MASKS.to_rows(MASKS.from_parquet(data)) == rows


def test_a_full_disk_is_one_line_that_says_what_to_do() -> None:
    with pytest.raises(StorageError, match=r"cannot write /dev/full \(No space left on device\): .* TMPDIR"):
        _write_to(FULL)


def _write_to(path: Path) -> None:
    writer = PartWriter(CLICKS, path)
    try:
        for number in range(ROWS_IN_GROUP):
            writer.append(click_row("k", "1", number))
        writer.close()
    finally:
        writer.abandon()

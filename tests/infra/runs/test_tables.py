"""Tables: what goes in comes out, in one order, and nothing undefined gets in."""

from __future__ import annotations

import io
import math
import string
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.runs.tables import (
    CLICKS,
    ERRORS,
    MASKS,
    BoundingBox,
    ClickRow,
    ErrorRow,
    MaskRow,
    RegionBounds,
    TableKind,
)
from tests.infra.rows import click_row, mask_row, part_bytes

names = st.text(string.ascii_letters + string.digits + "/_-. é\N{GRINNING FACE}", min_size=1, max_size=12)
pixels = st.integers(0, 2**31 - 1)
fractions = st.floats(0, 1)
areas = st.integers(0, 2**62)
coordinates = st.floats(-1e6, 1e6)
boxes = st.builds(BoundingBox, pixels, pixels, pixels, pixels)
regions = st.builds(RegionBounds, pixels, pixels, pixels, pixels)

mask_rows = st.builds(
    MaskRow,
    names,
    names,
    pixels,
    pixels,
    st.binary(max_size=40),
    boxes,
    areas,
    pixels,
    names,
    *[st.none() | fractions] * 12,
    st.none() | areas,
    names,
    names,
    names,
)
click_rows = st.builds(
    ClickRow,
    names,
    names,
    pixels,
    coordinates,
    coordinates,
    st.booleans(),
    names,
    *[st.none() | fractions] * 2,
    areas,
    *[st.none() | fractions] * 8,
    fractions,
    *[st.booleans()] * 3,
    regions,
    st.floats(0, 1e6),
    names,
    names,
)
error_rows = st.builds(ErrorRow, names, st.none() | names, names, st.text(max_size=60), names)


@given(st.lists(mask_rows, max_size=8))
@settings(deadline=None)
def test_mask_rows_come_back_as_they_went_in(rows: list[MaskRow]) -> None:
    back = MASKS.to_rows(MASKS.from_parquet(part_bytes(MASKS, rows)))
    assert back == rows


@given(st.lists(click_rows, max_size=8))
@settings(deadline=None)
def test_click_rows_come_back_as_they_went_in(rows: list[ClickRow]) -> None:
    back = CLICKS.to_rows(CLICKS.from_parquet(part_bytes(CLICKS, rows)))
    assert back == rows


@given(st.lists(error_rows, max_size=8))
@settings(deadline=None)
def test_error_rows_come_back_as_they_went_in(rows: list[ErrorRow]) -> None:
    back = ERRORS.to_rows(ERRORS.from_parquet(part_bytes(ERRORS, rows)))
    assert back == rows


@pytest.mark.parametrize("kind", [MASKS, CLICKS, ERRORS], ids=lambda kind: kind.name)
def test_every_file_carries_its_table_and_version(kind: TableKind[Any]) -> None:
    data = part_bytes(kind, [])
    metadata = pq.read_schema(io.BytesIO(data)).metadata
    assert metadata[b"mfp.table"].decode() == kind.name
    assert metadata[b"mfp.schema_version"] == b"4"


def test_a_table_without_rows_is_a_readable_file_with_every_column() -> None:
    table = CLICKS.from_parquet(part_bytes(CLICKS, []))
    assert table.num_rows == 0
    assert table.schema.equals(CLICKS.schema, check_metadata=True)


def test_columns_can_be_read_alone() -> None:
    data = part_bytes(CLICKS, [click_row("k", "1", 0, iou=0.25)])
    assert CLICKS.from_parquet(data, columns=["iou"]).to_pydict() == {"iou": [0.25]}
    assert CLICKS.empty(["iou"]).schema.names == ["iou"]


def test_iou_keeps_every_bit_so_that_thresholds_hold() -> None:
    iou = math.nextafter(0.9, 0.0)
    assert (
        CLICKS.to_rows(CLICKS.from_parquet(part_bytes(CLICKS, [click_row("k", "1", 0, iou=iou)])))[0].iou
        == iou
    )


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match=r"clicks\.iou holds a NaN"):
        part_bytes(CLICKS, [click_row("k", "1", 0, iou=math.nan)])


def test_a_missing_value_is_refused_where_the_column_needs_one() -> None:
    row = replace(mask_row("k", "1"), model_id=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"masks\.model_id holds None in 1 rows"):
        part_bytes(MASKS, [row])


def test_another_table_or_version_is_refused() -> None:
    with pytest.raises(ValueError, match="holds table clicks version 4, not masks version 4"):
        MASKS.from_parquet(part_bytes(CLICKS, []))
    sink = io.BytesIO()
    newer = MASKS.schema.with_metadata({"mfp.table": "masks", "mfp.schema_version": "5"})
    pq.write_table(newer.empty_table(), sink)
    with pytest.raises(ValueError, match="masks version 5, not masks version 4"):
        MASKS.from_parquet(sink.getvalue())
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), sink)
    with pytest.raises(ValueError, match="holds table"):
        MASKS.from_parquet(sink.getvalue())

"""The three tables of a run: one row per mask, per click, and per quarantined sample or object.

Each table is a `TableKind`: a typed row, and a pyarrow schema whose metadata carries the version. A part file
holds the rows of one shard in the order of the shard: sample by sample, object by object, click by click.

Nullable columns are `iou` and `boundary_iou` (no truth), `masks.start_iou` (no truth, or no start mask), `quality` and
what it is made of (no network saw the mask), `masks.divergence` (no mask of an annotator), `masks.truth_area` (no
truth) and `errors.object_id` (the whole sample is out). A NaN is refused, so that an average over any column means what
it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import BinaryIO, Generic, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SCHEMA_VERSION = 4
STARTS = frozenset({"nothing", "mask", "box"})
"""What `MaskRow.start` may be."""
SIGNALS = (
    "expected_iou",
    "margin",
    "stability",
    "flip_agreement",
    "region_share",
    "round_agreement",
    "area_change",
)
"""The columns that `quality` is made of."""
_KEY_COLUMN = "sample_key"
_KIND_KEY, _VERSION_KEY = b"mfp.table", b"mfp.schema_version"


class BoundingBox(NamedTuple):
    """Box of a mask, image pixels: first column, first row, width, height; all 0 for an empty mask."""

    x: int
    y: int
    w: int
    h: int


class RegionBounds(NamedTuple):
    """Part of the image a click was predicted on: inclusive first and last row and column, image pixels."""

    row_min: int
    row_max: int
    col_min: int
    col_max: int


@dataclass(frozen=True, slots=True)
class MaskRow:
    """The mask of one object.

    `rle`: COCO compressed counts (column-major) of the (height, width) mask. `area`: pixels. `iou`: [0, 1],
    None without truth. `boundary_iou`: [0, 1], of the pixels near both contours (`mfp.boundary_iou`), None as `iou`.
    `quality`: [0, 1], the IoU that is expected of the mask; it needs no truth, and is None if no click was made. Where
    an image was worked on at a reduced size, all three are those of the mask at that size.
    `expected_iou`, `margin`, `stability`, `flip_agreement`, `region_share`, `round_agreement` and `area_change` are
    what the quality is made of (`mfp.mask_signals`), None as it; `flip_agreement` also if the model was not shown a
    mirror image.
    `start`: what the object started from: `nothing`, `mask` or `box`. `start_iou`: of the start mask, None without
    truth or without a start mask. `divergence`: 1 - IoU with the annotator's own last mask, in [0, 1]; None if that is
    not known. `truth_area`: pixels of the true mask, None without truth. `stop_reason`, why no more clicks were made:
    see `mfp.stop_reason`.
    """

    sample_key: str
    object_id: str
    height: int
    width: int
    rle: bytes
    bbox: BoundingBox
    area: int
    num_clicks: int
    start: str
    start_iou: float | None
    iou: float | None
    boundary_iou: float | None
    quality: float | None
    expected_iou: float | None
    margin: float | None
    stability: float | None
    flip_agreement: float | None
    region_share: float | None
    round_agreement: float | None
    area_change: float | None
    divergence: float | None
    truth_area: int | None
    stop_reason: str
    model_id: str
    shard: str


@dataclass(frozen=True, slots=True)
class ClickRow:
    """One click and what came of it.

    `click_idx` starts at 0. `y`, `x`: image pixels. `source`: who clicked, "simulated", "logged" or "box-centre".
    `iou` and `boundary_iou` (float64, None without truth), `area` (pixels), `quality` and what it is made of (as in the
    masks table) are those of the mask after this click; `changed_fraction`: share of the image's pixels that this click
    turned over. `is_looked_at`: a mask was made of the click; else the next one followed in a row, and the values are
    those of the mask before. `is_obeyed`: the mask after the click has its pixel on the side that it says.
    `is_clamped`: it was aimed outside the image and made on the nearest pixel. `seconds`: wall time of the step (the
    whole loop, not the network alone) divided by the sessions in it. Where an image was worked on at a reduced size,
    `iou`, `boundary_iou` and `changed_fraction` are those at that size, a click lies in the middle of the block of
    pixels that it was made on, and `area` is exact after the last click only.
    """

    sample_key: str
    object_id: str
    click_idx: int
    y: float
    x: float
    is_foreground: bool
    source: str
    iou: float | None
    boundary_iou: float | None
    area: int
    quality: float | None
    expected_iou: float | None
    margin: float | None
    stability: float | None
    flip_agreement: float | None
    region_share: float | None
    round_agreement: float | None
    area_change: float | None
    changed_fraction: float
    is_looked_at: bool
    is_obeyed: bool
    is_clamped: bool
    region: RegionBounds
    seconds: float
    model_id: str
    shard: str


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A sample (`object_id` None) or one object of it that was quarantined.

    `reason` is a stable code to count by, `detail` one line for a person.
    """

    sample_key: str
    object_id: str | None
    reason: str
    detail: str
    shard: str


def keys_of_part(stream: BinaryIO) -> set[str]:
    """Return the sample keys of a part of any table; nothing but its footer and that column is read.

    Raises ValueError or OSError if it is no such Parquet file.
    """
    # neither pre-buffering nor threads: see `TableKind.from_parquet`
    with pq.ParquetFile(stream, pre_buffer=False) as file:
        return {
            key
            for group in range(file.num_row_groups)
            for key in file.read_row_group(group, [_KEY_COLUMN], use_threads=False)[_KEY_COLUMN]
            .unique()
            .to_pylist()
        }


RowT = TypeVar("RowT", bound=MaskRow | ClickRow | ErrorRow)
_STRUCTS: dict[str, type[BoundingBox] | type[RegionBounds]] = {"bbox": BoundingBox, "region": RegionBounds}


def _struct(row_type: type[BoundingBox] | type[RegionBounds]) -> pa.DataType:
    return pa.struct([pa.field(name, pa.int32(), nullable=False) for name in row_type._fields])


@dataclass(frozen=True)
class TableKind(Generic[RowT]):
    """One table: its name (also the folder of its parts), schema and row class."""

    name: str
    schema: pa.Schema
    row_type: type[RowT]

    def to_table(self, rows: Sequence[RowT]) -> pa.Table:
        """Return the rows as a table. Raises ValueError for a NaN or a value that its column cannot hold."""
        columns = [self._column(field, [getattr(row, field.name) for row in rows]) for field in self.schema]
        return pa.Table.from_arrays(columns, schema=self.schema)

    def _column(self, field: pa.Field, values: list[object]) -> pa.Array:
        if field.name in _STRUCTS:
            values = [value._asdict() for value in values]  # type: ignore[attr-defined]
        column = pa.array(values, type=field.type)
        if pa.types.is_floating(field.type) and pc.any(pc.is_nan(column)).as_py():
            raise ValueError(f"{self.name}.{field.name} holds a NaN; where there is no value write None")
        if not field.nullable and column.null_count:
            raise ValueError(
                f"{self.name}.{field.name} holds None in {column.null_count} rows; it needs a value"
            )
        return column

    def from_parquet(self, data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the table in the bytes of a part file, or only `columns` of it.

        Raises ValueError if the file is another table or has another schema version.
        """
        names = None if columns is None else list(columns)
        # Not read_table: it starts Arrow's thread pools, and a process that has loaded torch and exits right
        # after that aborts now and then ("terminate called without an active exception").
        with pq.ParquetFile(pa.BufferReader(data), pre_buffer=False) as file:
            table = file.read(names, use_threads=False)
        metadata = table.schema.metadata or {}
        found = metadata.get(_KIND_KEY, b"?").decode(), metadata.get(_VERSION_KEY, b"?").decode()
        if found != (self.name, str(SCHEMA_VERSION)):
            raise ValueError(
                f"holds table {found[0]} version {found[1]}, not {self.name} version {SCHEMA_VERSION}"
            )
        return table

    def empty(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a table without rows."""
        table = self.schema.empty_table()
        return table if columns is None else table.select(list(columns))

    def to_rows(self, table: pa.Table) -> list[RowT]:
        """Return the rows of a table that has every column of `schema`, in the table's order."""
        names = [field.name for field in fields(self.row_type)]
        columns: Iterable[list[object]] = (table.column(name).to_pylist() for name in names)
        return [self._row(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]

    def _row(self, values: dict[str, object]) -> RowT:
        for name, struct in _STRUCTS.items():
            if name in values:
                values[name] = struct(**values[name])  # type: ignore[arg-type]
        return self.row_type(**values)  # type: ignore[arg-type]


def _schema(name: str, columns: dict[str, pa.DataType], nullable: tuple[str, ...]) -> pa.Schema:
    """Build a schema whose metadata names the table and its version."""
    return pa.schema(
        [pa.field(column, kind, nullable=column in nullable) for column, kind in columns.items()],
        metadata={_KIND_KEY: name.encode(), _VERSION_KEY: str(SCHEMA_VERSION).encode()},
    )


MASKS = TableKind(
    "masks",
    _schema(
        "masks",
        {
            "sample_key": pa.string(),
            "object_id": pa.string(),
            "height": pa.int32(),
            "width": pa.int32(),
            "rle": pa.binary(),
            "bbox": _struct(BoundingBox),
            "area": pa.int64(),
            "num_clicks": pa.int32(),
            "start": pa.string(),
            "start_iou": pa.float64(),
            "iou": pa.float64(),
            "boundary_iou": pa.float64(),
            "quality": pa.float64(),
            **dict.fromkeys(SIGNALS, pa.float64()),
            "divergence": pa.float64(),
            "truth_area": pa.int64(),
            "stop_reason": pa.string(),
            "model_id": pa.string(),
            "shard": pa.string(),
        },
        nullable=("start_iou", "iou", "boundary_iou", "quality", "divergence", "truth_area", *SIGNALS),
    ),
    MaskRow,
)
CLICKS = TableKind(
    "clicks",
    _schema(
        "clicks",
        {
            "sample_key": pa.string(),
            "object_id": pa.string(),
            "click_idx": pa.int32(),
            "y": pa.float64(),
            "x": pa.float64(),
            "is_foreground": pa.bool_(),
            "source": pa.string(),
            "iou": pa.float64(),
            "boundary_iou": pa.float64(),
            "area": pa.int64(),
            "quality": pa.float64(),
            **dict.fromkeys(SIGNALS, pa.float64()),
            "changed_fraction": pa.float64(),
            "is_looked_at": pa.bool_(),
            "is_obeyed": pa.bool_(),
            "is_clamped": pa.bool_(),
            "region": _struct(RegionBounds),
            "seconds": pa.float64(),
            "model_id": pa.string(),
            "shard": pa.string(),
        },
        nullable=("iou", "boundary_iou", "quality", *SIGNALS),
    ),
    ClickRow,
)
ERRORS = TableKind(
    "errors",
    _schema(
        "errors",
        {
            "sample_key": pa.string(),
            "object_id": pa.string(),
            "reason": pa.string(),
            "detail": pa.string(),
            "shard": pa.string(),
        },
        nullable=("object_id",),
    ),
    ErrorRow,
)

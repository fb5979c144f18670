"""Whether a run directory keeps its promises: parts against commit records, and rows against each other.

Nothing here trusts what it checks: whatever is wrong becomes a finding, and the check goes on.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from infra import rle
from infra.errors import Reason
from infra.runs.commit import CommitRecord, is_part_of, shard_stem
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, ERRORS, MASKS, SIGNALS, STARTS, TableKind
from infra.storage.files import basename, join

Row: TypeAlias = Mapping[str, Any]
ObjectName: TypeAlias = tuple[str, str]  # sample key and object id

_OF_LAST_CLICK = ("iou", "boundary_iou", "area", "quality", *SIGNALS)
_SHARES = tuple(name for name in SIGNALS if name != "area_change")
_TABLES: tuple[TableKind[Any], ...] = (MASKS, CLICKS, ERRORS)


@dataclass(frozen=True)
class Finding:
    """Something that should not be: `place` is a file, or an object of a shard."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


@dataclass(frozen=True)
class CheckedShard:
    """What was looked at in one committed shard, and what was wrong with it."""

    objects: int
    clicks: int
    findings: tuple[Finding, ...]


def check_shard(run: RunDirectory, record: CommitRecord, stop_reasons: Collection[str]) -> CheckedShard:
    """Compare the parts of a committed shard with its record, and its rows with each other.

    `stop_reasons` are those that a session can have.

    Raises StorageError if the storage does not answer; a part that is missing is a finding.
    """
    findings: list[Finding] = []
    tables = {kind.name: _read_part(run, record, kind, findings) for kind in _TABLES}
    for name, table in tables.items():
        shards = set(table.column("shard").unique().to_pylist()) - {record.shard}
        if shards:
            findings.append(Finding(record.parts[name].path, f"holds rows of shard {sorted(shards)[0]!r}"))
    masks, clicks, errors = (tables[kind.name].to_pylist() for kind in _TABLES)
    if len(masks) != record.objects:
        findings.append(
            Finding(_record_path(record), f"says {record.objects} objects, there are {len(masks)}")
        )
    findings.extend(
        Finding(f"{record.shard}, {sample_key}, object {object_id}", problem)
        for (sample_key, object_id), problem in _problems_of_rows(masks, clicks, errors)
    )
    findings.extend(
        Finding(
            f"{record.shard}, {row['sample_key']}, object {row['object_id']}",
            f"has the stop reason {row['stop_reason']!r}, which no session has",
        )
        for row in masks
        if row["stop_reason"] not in stop_reasons
    )
    return CheckedShard(len(masks), len(clicks), tuple(findings))


def check_files(run: RunDirectory, records: Iterable[CommitRecord]) -> Iterator[Finding]:
    """Yield the files of committed shards that no record names: a plain glob would count them."""
    listed = list(records)
    stems = {shard_stem(record.shard) for record in listed}
    named = {part.path for record in listed for part in record.parts.values()}
    for kind in _TABLES:
        for url in run.storage.list(join(run.url, kind.name)):
            path = f"{kind.name}/{basename(url)}"
            if path not in named and is_part_of(path, stems):
                yield Finding(path, "no commit names it: the same command again, or its end, clears it away")


def _read_part(
    run: RunDirectory, record: CommitRecord, kind: TableKind[Any], findings: list[Finding]
) -> pa.Table:
    """The part as a table; an empty one, and a finding, where it is not what was committed."""
    part = record.parts[kind.name]
    url = join(run.url, part.path)
    if not run.storage.exists(url):
        findings.append(Finding(part.path, f"is missing; shard {record.shard} has committed it"))
        return kind.empty()
    data = run.storage.read_bytes(url)
    if len(data) != part.bytes or hashlib.sha256(data).hexdigest() != part.sha256:
        findings.append(Finding(part.path, f"{len(data)} bytes that are not the {part.bytes} committed"))
        return kind.empty()
    try:
        table = kind.from_parquet(data)
    except (ValueError, OSError) as error:
        findings.append(Finding(part.path, str(error).splitlines()[0]))
        return kind.empty()
    if table.num_rows != part.rows:
        findings.append(Finding(part.path, f"holds {table.num_rows} rows, the record says {part.rows}"))
    return table


def _record_path(record: CommitRecord) -> str:
    return f"commits/{shard_stem(record.shard)}.json"


def _problems_of_rows(
    masks: list[Row], clicks: list[Row], errors: list[Row]
) -> Iterator[tuple[ObjectName, str]]:
    """What is wrong with single objects."""
    clicks_of: dict[ObjectName, list[Row]] = defaultdict(list)
    for row in clicks:
        clicks_of[_name(row)].append(row)
    num_masks = Counter(_name(row) for row in masks)
    with_truth = {_name(row) for row in masks if row["iou"] is not None}
    yield from ((name, f"has {count} masks") for name, count in num_masks.items() if count > 1)
    yield from ((name, "has clicks but no mask") for name in clicks_of if name not in num_masks)
    for row in errors:
        name = (row["sample_key"], row["object_id"])
        # set aside may have been its mask, and logged clicks made without truth; or another object of the same id
        if name in with_truth and row["reason"] != Reason.BAD_METADATA:
            yield (row["sample_key"], str(row["object_id"])), "was quarantined, and has a mask"
    for row in masks:
        yield from ((_name(row), problem) for problem in _problems_of_mask(row, clicks_of[_name(row)]))


def _problems_of_mask(mask: Row, clicks: list[Row]) -> Iterator[str]:
    clicks = sorted(clicks, key=lambda row: int(row["click_idx"]))
    if [row["click_idx"] for row in clicks] != list(range(mask["num_clicks"])):
        yield f"says {mask['num_clicks']} clicks, the table of clicks has {len(clicks)}, or not 0, 1, 2, ..."
    elif clicks and any(clicks[-1][name] != mask[name] for name in _OF_LAST_CLICK):
        yield "IoU, boundary IoU, area, quality or what it is made of are not those after the last click"
    elif clicks and not clicks[-1]["is_looked_at"]:
        yield "no mask was made of its last click"
    elif not clicks and mask["quality"] is not None:
        yield "has a quality, and no click was made"
    if mask["start"] not in STARTS:
        yield f"has the start {mask['start']!r}, which no object has"
    elif mask["start_iou"] is not None and mask["start"] != "mask":
        yield f"has the IoU of a start mask, and started from {mask['start']}"
    models = {row["model_id"] for row in clicks} | {mask["model_id"]}
    if len(models) > 1:
        yield f"was clicked with {len(models)} models"
    shares = [("IoU", row["iou"]) for row in (mask, *clicks)]
    shares += [("boundary IoU", row["boundary_iou"]) for row in (mask, *clicks)]
    shares += [("quality", row["quality"]) for row in (mask, *clicks)]
    shares += [(name, row[name]) for row in (mask, *clicks) for name in _SHARES]
    shares += [("start IoU", mask["start_iou"]), ("divergence", mask["divergence"])]
    if any((row["iou"] is None) != (row["boundary_iou"] is None) for row in (mask, *clicks)):
        yield "has an IoU without a boundary IoU, or a boundary IoU without an IoU"
    for name, value in shares:
        if value is not None and not (math.isfinite(value) and 0 <= value <= 1):
            yield f"has {'an' if name == 'IoU' else 'a'} {name} of {value}"
    yield from _problems_of_rle(mask)


def _problems_of_rle(mask: Row) -> Iterator[str]:
    try:
        area = rle.area(mask["rle"], mask["height"], mask["width"])
        box = rle.bbox(mask["rle"], mask["height"], mask["width"])
    except ValueError as error:
        yield str(error)
        return
    if area != mask["area"]:
        yield f"the RLE has {area} pixels, the row says {mask['area']}"
    stated = tuple(mask["bbox"][side] for side in "xywh")
    if box != stated:
        yield f"the RLE has bounding box {box}, the row says {stated}"


def _name(row: Row) -> ObjectName:
    return row["sample_key"], row["object_id"]

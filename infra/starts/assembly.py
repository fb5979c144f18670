"""Rows of many files put together: sorted by sample, ids made, repetitions refused, a fingerprint taken."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import StartError
from infra.starts.start_rows import NO_ID, StartPart, StartsRead
from infra.starts.starts import BoxColumns, MaskColumns, StartKind, Starts

_HASHED_AT_ONCE = 4096  # rows as Python's values
_BOX = ("x", "y", "w", "h")


def assemble(url: str, kind: StartKind, read: StartsRead) -> Starts:
    """Put together what was read from `url`.

    Raises:
        StartError: there is no object, or one of an id that another object of its sample has.

    """
    if not any(part.table.num_rows for part in read.parts):
        raise StartError(f"{url} holds no {kind}: give files that do, or leave out --start")
    table = pa.concat_tables(part.table for part in read.parts)
    keys, codes, notices = _sorted_keys(url, kind, table["sample_key"])
    order = np.argsort(codes, kind="stable")
    offsets = np.searchsorted(codes[order], np.arange(len(keys) + 1))
    ids = _with_ids(table["object_id"], codes, order, offsets)
    by_id = _sorted_by_id(ids, codes, keys, read.parts)
    lookup = read.lookup(keys)
    return Starts(
        sample_keys=keys,
        offsets=offsets,
        rows=order,
        object_ids=ids,
        priorities=table["priority"].to_numpy(),
        columns=_columns(kind, table),
        lookup=lookup,
        fingerprint=_fingerprint(kind, lookup.name, table, ids, keys, codes, by_id),
        notices=(*read.notices, *notices),
    )


def _sorted_keys(
    url: str, kind: StartKind, column: pa.ChunkedArray
) -> tuple[pa.Array, npt.NDArray[np.int32], tuple[str, ...]]:
    """Return the distinct keys, composed and sorted, each row's index into them, and what is to be told."""
    encoded = column.unify_dictionaries()
    written = encoded.chunk(0).dictionary
    composed = pc.utf8_normalize(written, form="NFC")
    keys = composed.unique()
    keys = keys.take(pc.sort_indices(keys))
    of_written = pc.index_in(composed, keys).to_numpy(zero_copy_only=False).astype(np.int32)
    codes = of_written[np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])]
    decomposed = written.filter(pc.not_equal(written, composed))
    if not len(decomposed):
        return keys, codes, ()
    text = (
        f"{kind} {url}: {len(decomposed):,} sample keys have decomposed letters (NFD), the first "
        f"{decomposed[0].as_py()!r}: taken as composed ones (NFC)"
    )
    return keys, codes, (text,)


def _with_ids(
    ids: pa.ChunkedArray,
    codes: npt.NDArray[np.int32],
    order: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
) -> pa.ChunkedArray:
    """Give objects without an id that of their place in their sample, from 1: `auto-000001`."""
    lacks = pc.equal(ids, NO_ID)
    if not pc.any(lacks).as_py():
        return ids
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order)) - offsets[codes[order]] + 1
    made = pc.binary_join_element_wise(
        "auto-", pc.utf8_lpad(pc.cast(pa.array(places), pa.string()), 6, "0"), ""
    )
    return pc.if_else(lacks, made, ids)


def _sorted_by_id(
    ids: pa.ChunkedArray, codes: npt.NDArray[np.int32], keys: pa.Array, parts: Sequence[StartPart]
) -> npt.NDArray[np.int64]:
    """Return the rows by sample and object id. StartError if two are the same."""
    table = pa.table({"code": pa.chunked_array([codes]), "id": ids, "row": np.arange(len(codes))})
    order = pc.sort_indices(
        table, sort_keys=[("code", "ascending"), ("id", "ascending"), ("row", "ascending")]
    ).to_numpy()
    sorted_ids = ids.take(pa.array(order)).combine_chunks()
    same = (np.diff(codes[order]) == 0) & pc.equal(sorted_ids[1:], sorted_ids[:-1]).to_numpy(
        zero_copy_only=False
    )
    repeated = np.flatnonzero(same)
    if repeated.size:
        second = int(order[repeated + 1].min())
        first = int(order[int(np.flatnonzero(order == second)[0]) - 1])
        raise StartError(
            f"{_place(parts, second)}: object {ids[second].as_py()!r} of sample {keys[codes[second].item()].as_py()!r} "
            f"was there before, in {_place(parts, first)}: give each object of a sample an id of its own"
        )
    return np.asarray(order, np.int64)


def _place(parts: Sequence[StartPart], row: int) -> str:
    for part in parts:
        if row < part.table.num_rows:
            return part.place(row)
        row -= part.table.num_rows
    raise AssertionError("a row beyond all parts")


def _columns(kind: StartKind, table: pa.Table) -> MaskColumns | BoxColumns:
    if kind == "masks":
        return MaskColumns(table["rle"], table["height"].to_numpy(), table["width"].to_numpy())
    return BoxColumns(np.stack([table[name].to_numpy() for name in _BOX], axis=1))


def _fingerprint(
    kind: StartKind,
    lookup: str,
    table: pa.Table,
    ids: pa.ChunkedArray,
    keys: pa.Array,
    codes: npt.NDArray[np.int32],
    by_id: npt.NDArray[np.int64],
) -> str:
    digests = np.empty((len(codes), hashlib.sha256().digest_size), np.uint8)
    rest = table.drop_columns(["sample_key", "object_id"])
    for first in range(0, len(codes), _HASHED_AT_ONCE):
        chosen = slice(first, first + _HASHED_AT_ONCE)
        columns = [keys.take(pa.array(codes[chosen])).to_pylist(), ids[chosen].to_pylist()]
        columns += [column[chosen].to_pylist() for column in rest.columns]
        for row, values in enumerate(zip(*columns, strict=True), first):
            # the form of `ascii` tells where a value ends, and is the same in every version of Python
            digests[row] = np.frombuffer(hashlib.sha256(ascii(values).encode()).digest(), np.uint8)
    head = ascii((kind, lookup)).encode()
    return hashlib.sha256(head + digests[by_id].tobytes()).hexdigest()

"""The masks of a run as starts, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from infra.starts.load import load_masks
from infra.starts.starts import MaskColumns, Starts
from infra.storage.files import Storage


def masks_of(run: Path, instead: Mapping[tuple[str, str], bytes] | None = None) -> Starts:
    """The masks of a run; those in `instead`, by sample key and object id, in place of its own."""
    starts = load_masks(Storage(), str(run))
    if instead is None:
        return starts
    assert isinstance(starts.columns, MaskColumns)
    keys = [""] * starts.num_objects
    for position, key in enumerate(starts.sample_keys.to_pylist()):
        for row in starts.rows[starts.offsets[position] : starts.offsets[position + 1]].tolist():
            keys[row] = key
    ids = starts.object_ids.to_pylist()
    rles = [instead[key, object_id] for key, object_id in zip(keys, ids, strict=True)]
    columns = replace(starts.columns, rles=pa.chunked_array([pa.array(rles, pa.binary())]))
    return replace(starts, columns=columns)

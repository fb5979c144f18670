"""Masks and boxes that sessions start from: held compactly, and handed out per sample."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from infra.starts.sample_lookup import SampleLookup

StartKind: TypeAlias = Literal["masks", "boxes"]


@dataclass(frozen=True, slots=True)
class GivenMask:
    """The mask that an object starts from: COCO compressed counts over an image of (height, width) pixels.

    `rle` may be empty of foreground, and is not decoded yet: compare the size with that of the image before it is.
    `priority`: the score of a detection or the quality of a run's mask, 0.0 without one; larger goes first.
    """

    object_id: str
    rle: bytes
    height: int
    width: int
    priority: float


@dataclass(frozen=True, slots=True)
class GivenBox:
    """The box that an object starts from: left, top, width and height in image pixels, the last two above 0.

    It may reach over the border of the image, or lie outside. `priority` as that of a mask.
    """

    object_id: str
    x: float
    y: float
    w: float
    h: float
    priority: float


GivenStart: TypeAlias = GivenMask | GivenBox


@dataclass(frozen=True, eq=False)
class MaskColumns:
    """Masks of N objects: `rles` are N binaries in the order of the files, `heights`, `widths` (N,) int32 pixels."""

    rles: pa.ChunkedArray
    heights: npt.NDArray[np.int32]
    widths: npt.NDArray[np.int32]

    def given(self, row: int, object_id: str, priority: float) -> GivenMask:
        """Return one mask."""
        rle = self.rles[row].as_py()
        return GivenMask(object_id, rle, self.heights[row].item(), self.widths[row].item(), priority)


@dataclass(frozen=True, eq=False)
class BoxColumns:
    """Boxes of N objects: (N, 4) float64, left, top, width and height in image pixels, in the order of the files."""

    boxes: npt.NDArray[np.float64]

    def given(self, row: int, object_id: str, priority: float) -> GivenBox:
        """Return one box."""
        x, y, w, h = self.boxes[row].tolist()
        return GivenBox(object_id, x, y, w, h, priority)


@dataclass(frozen=True, eq=False)
class Starts:
    """What the objects of many samples start from, as columns.

    The objects of sample i of `sample_keys` (sorted, NFC) are numbers `offsets[i]` to `offsets[i + 1]` of `rows`, which
    are indices into the other columns. Those are in the order of the files, so that sorting moves no mask. Arrays only,
    so that Ray shares one copy among the workers of a node.

    lookup: how the key of a sample leads to entries of `sample_keys`.
    fingerprint: hex SHA-256 of all objects and their keys, the same however they are spread over files.
    notices: lines for a person, on how the files were understood and what was left out.
    """

    sample_keys: pa.Array
    offsets: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    object_ids: pa.ChunkedArray
    priorities: npt.NDArray[np.float64]
    columns: MaskColumns | BoxColumns
    lookup: SampleLookup
    fingerprint: str
    notices: tuple[str, ...] = ()

    @property
    def kind(self) -> StartKind:
        """Whether objects start from masks or from boxes."""
        return "masks" if isinstance(self.columns, MaskColumns) else "boxes"

    @property
    def num_objects(self) -> int:
        """Objects of all samples."""
        return len(self.rows)

    def of_sample(self, sample_key: str) -> dict[str, GivenStart]:
        """Return what the objects of a sample start from by their ids, in file order; {} if there is none."""
        composed = unicodedata.normalize("NFC", sample_key)
        found: dict[str, GivenStart] = {}
        for position in self.lookup.positions(self.sample_keys, composed):
            start_key = self.sample_keys[position].as_py()
            for row in self.rows[self.offsets[position] : self.offsets[position + 1]].tolist():
                object_id = self.lookup.object_id(composed, start_key, self.object_ids[row].as_py())
                found[object_id] = self.columns.given(row, object_id, self.priorities[row].item())
        return found

    def unused_keys(self, sample_keys: Iterable[str]) -> list[str]:
        """Return the entries of the starts, sorted, that belong to none of the samples of these keys."""
        is_used = np.zeros(len(self.sample_keys), np.bool_)
        for key in sample_keys:
            is_used[list(self.lookup.positions(self.sample_keys, unicodedata.normalize("NFC", key)))] = True
        return [self.sample_keys[position].as_py() for position in np.flatnonzero(~is_used).tolist()]

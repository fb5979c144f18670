"""Logged clicks: what people clicked once, held compactly and handed out per sample for replay."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from infra.click_logs.options import ClickUnits

_WHOLE_SIDE = {"normalised": 1.0, "percent": 100.0}


@dataclass(frozen=True, slots=True)
class LoggedClick:
    """One click of a log.

    `click_idx` (from 0) orders the clicks of an object; `y`, `x` are in the units of the log. Clicks of an object with
    the same `look` (from 0, without gaps) were made in a row, before anybody looked at the mask.
    """

    sample_key: str
    object_id: str
    click_idx: int
    y: float
    x: float
    is_foreground: bool
    look: int


@dataclass(frozen=True, eq=False)
class ClickLog:
    """Every click of a log as columns, about 29 bytes a click, sorted by sample, object and click index.

    The clicks of sample i of `sample_keys` (sorted) are rows `offsets[i]` to `offsets[i + 1]` of the columns,
    all of which are (num_clicks,); `object_codes` are indices into `object_ids`. Arrays only, so that Ray
    shares one copy among the workers of a node. Sample keys are composed (NFC), and so are those that are asked for:
    an accent may be written in two ways. `units` are those of `y` and `x`. `notices` are lines to tell a person of how
    the log was read.
    """

    sample_keys: pa.Array
    offsets: npt.NDArray[np.int64]
    object_ids: pa.Array
    object_codes: npt.NDArray[np.int32]
    click_idx: npt.NDArray[np.int32]
    y: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    is_foreground: npt.NDArray[np.bool_]
    look: npt.NDArray[np.int32]
    units: ClickUnits
    notices: tuple[str, ...] = ()

    @property
    def num_clicks(self) -> int:
        """Clicks of the whole log."""
        return len(self.click_idx)

    def objects_of(self, sample_key: str) -> dict[str, tuple[LoggedClick, ...]]:
        """Return the clicks of a sample by object, in click_idx order; {} for a sample without clicks."""
        composed = unicodedata.normalize("NFC", sample_key)
        position = bisect_left(self.sample_keys, composed, key=lambda key: key.as_py())
        if position == len(self.sample_keys) or self.sample_keys[position].as_py() != composed:
            return {}
        clicks: dict[str, list[LoggedClick]] = {}
        for row in range(self.offsets[position], self.offsets[position + 1]):
            object_id = self.object_ids[self.object_codes[row].item()].as_py()
            click = LoggedClick(
                sample_key,
                object_id,
                self.click_idx[row].item(),
                self.y[row].item(),
                self.x[row].item(),
                self.is_foreground[row].item(),
                self.look[row].item(),
            )
            clicks.setdefault(object_id, []).append(click)
        return {object_id: tuple(of_object) for object_id, of_object in clicks.items()}

    def in_pixels(self, click: LoggedClick, height: int, width: int) -> tuple[float, float]:
        """Return (y, x) of a click in pixels of its image, which has (height, width).

        Of shares and percent the far edge, exactly 1 or 100 %, is the last pixel. What lies beyond an edge stays beyond
        it, and pixels stay what they are: whether they are in the image is for the caller to say.
        """
        if self.units == "pixels":
            return click.y, click.x
        whole = _WHOLE_SIDE[self.units]
        return _pixel(click.y, whole, height), _pixel(click.x, whole, width)


def _pixel(share: float, whole: float, size: int) -> float:
    pixel = share / whole * size
    # rounding may bring what is just below the far edge onto it, too
    return min(pixel, size - 1.0) if share <= whole and pixel >= size else pixel

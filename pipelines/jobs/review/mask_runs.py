"""Masks as the page takes them: the lengths of their runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from infra.json_text import JsonValue

_MASKS_KEPT = 1_000


def runs_of(mask: npt.NDArray[np.bool_]) -> list[JsonValue]:
    """A mask, (h, w) bool, as the lengths of its runs, row by row and background first."""
    flat = np.concatenate(([False], mask.ravel()))
    borders = np.flatnonzero(flat[1:] != flat[:-1])
    return [int(length) for length in np.diff(borders, prepend=0, append=mask.size)]


class KeptRuns:
    """The runs of the masks that were asked for last. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[tuple[str, int], list[JsonValue]] = OrderedDict()

    def of(self, name: tuple[str, int], pixels: Callable[[], npt.NDArray[np.bool_]]) -> list[JsonValue]:
        """The runs of a mask.

        Args:
            name: digest of the object, and number of the decision that made the mask; 0 for that of the run.
            pixels: makes the mask, (h, w) bool; called if its runs are not kept.
        """
        with self._lock:
            runs = self._runs.get(name)
        if runs is None:
            runs = runs_of(pixels())
        with self._lock:
            self._runs[name] = runs
            self._runs.move_to_end(name)
            while len(self._runs) > _MASKS_KEPT:
                self._runs.popitem(last=False)
        return runs

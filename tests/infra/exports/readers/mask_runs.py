"""What every reader prints: the masks of each image, as JSON."""

from __future__ import annotations

import json
import sys
from collections import defaultdict

import numpy as np


class Shown:
    """Masks by the name of their image."""

    def __init__(self) -> None:
        self._masks: dict[str, list[list[object]]] = defaultdict(list)

    def image(self, name: str) -> None:
        """An image that the reader knows, with or without masks."""
        self._masks[name] = self._masks[name]

    def mask(self, image: str, label: str, mask: object) -> None:
        """Add a (H, W) mask: its label, size, and runs row by row, background first."""
        array = np.asarray(mask) != 0
        turns = np.flatnonzero(np.diff(array.ravel(), prepend=False))
        runs = np.diff(turns, prepend=0, append=array.size).tolist()
        self._masks[image].append([label, list(array.shape), runs])

    def write(self) -> None:
        """Print all of it."""
        sys.stdout.write("\nMASKS " + json.dumps(self._masks) + "\n")

"""The IoUs for which NoC is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

THRESHOLDS: Final[Mapping[str, float]] = {"85": 0.85, "90": 0.90, "95": 0.95}

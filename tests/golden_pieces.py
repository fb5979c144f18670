"""The recorded pieces of the released implementation: a bundled copy, and the full files where they exist."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mfp.clicks import Click
from tests.shared_data import SHARED, requires_shared

GOLDEN_DIRECTORIES = [
    pytest.param(Path(__file__).parent / "data/golden", id="bundled"),
    pytest.param(SHARED / "golden/pieces", id="full", marks=requires_shared),
]


@dataclass(frozen=True)
class ModulationCase:
    """prob and modulated (H, W) float32; clicks in order, (y, x) in map pixels; N and R_max of the recording."""

    case: int
    prob: npt.NDArray[np.float32]
    clicks: tuple[Click, ...]
    modulated: npt.NDArray[np.float32]
    num_probability_clicks: int
    max_radius: float


@dataclass(frozen=True)
class RobotUserCase:
    """truth (H, W) int8; masks (6, H, W) bool; the click made on each mask and the IoU of each mask."""

    case: int
    truth: npt.NDArray[np.int8]
    masks: npt.NDArray[np.bool_]
    clicks: tuple[Click, ...]
    ious: tuple[float, ...]


@dataclass(frozen=True)
class ZoomCase:
    """mask (H, W) bool; bounds are row_min, row_max, col_min, col_max, inclusive."""

    mask: npt.NDArray[np.bool_]
    clicks: tuple[Click, ...]
    bounds: tuple[int, ...]


def modulation_cases(directory: Path) -> list[ModulationCase]:
    arrays = np.load(directory / "modulation.npz")
    return [
        ModulationCase(
            case=entry["case"],
            prob=arrays[f"prob_{entry['case']:02d}"],
            clicks=clicks_of_points(arrays[f"points_{entry['case']:02d}"]),
            modulated=arrays[f"modulated_{entry['case']:02d}"],
            num_probability_clicks=entry["N"],
            max_radius=entry["R_max"],
        )
        for entry in _entries(directory / "modulation.json")
    ]


def robot_user_cases(directory: Path) -> list[RobotUserCase]:
    arrays = np.load(directory / "robot_user.npz")
    cases = []
    for entry in _entries(directory / "robot_user.json"):
        truth = arrays[f"gt_{entry['case']:02d}"]
        masks = _unpack(arrays[f"preds_{entry['case']:02d}"], truth.shape[1])
        clicks = tuple(Click(float(y), float(x), bool(fg)) for y, x, fg in entry["clicks"])
        cases.append(RobotUserCase(entry["case"], truth, masks, clicks, tuple(entry["ious"])))
    return cases


def zoom_cases(directory: Path) -> list[ZoomCase]:
    arrays = np.load(directory / "zoom.npz")
    return [
        ZoomCase(
            mask=_unpack(arrays[f"mask_{entry['case']:02d}"], entry["w"]),
            clicks=tuple(Click(float(y), float(x), bool(fg)) for y, x, fg in entry["clicks"]),
            bounds=tuple(entry["roi"]),
        )
        for entry in _entries(directory / "zoom.json")
    ]


def clicks_of_points(points: npt.NDArray[np.float32]) -> tuple[Click, ...]:
    """(2n, 3) rows (y, x, order): n foreground rows, then n background rows; order -1 marks an unused row."""
    rows = [(order, y, x, row < len(points) // 2) for row, (y, x, order) in enumerate(points.tolist())]
    return tuple(Click(y, x, is_foreground) for order, y, x, is_foreground in sorted(rows) if order >= 0)


def _entries(path: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(path.read_text())
    return entries


def _unpack(bits: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.bool_]:
    return np.unpackbits(bits, axis=-1)[..., :width].astype(np.bool_)

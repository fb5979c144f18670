"""Whole evaluations recorded from the released implementation, all sessions in flight at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.metrics import ClickIous, noc, nof_published
from mfp.models.analytic import AnalyticClickModel
from mfp.session import FinishedSession, Session, SessionLimits, SimulatedClicks
from tests.shared_data import SHARED, requires_shared

SMALL = Path(__file__).parents[1] / "data" / "golden" / "loop"
FULL = SHARED / "golden" / "pieces"

IGNORED = 128
OBJECT = 255


def load_session(folder: Path, case: int) -> Session:
    image = cv2.imread(str(folder / f"loop_{case:02d}.png"), cv2.IMREAD_COLOR_RGB)
    painted = cv2.imread(str(folder / f"loop_{case:02d}_gt.png"), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    assert painted is not None
    truth = (painted == OBJECT).astype(np.int8)
    truth[painted == IGNORED] = -1
    limits = SessionLimits(max_clicks=20, target_iou=None)
    return Session(case, np.asarray(image, np.uint8), truth, SimulatedClicks(), limits)


def run_cases(
    folder: Path,
    cases: Sequence[dict],  # type: ignore[type-arg]
    target_size: int,
    device: str,
) -> dict[object, FinishedSession]:
    engine = Engine(AnalyticClickModel(), EngineSettings(batch_size=16, zoom_size=target_size), device)
    sessions = [load_session(folder, case["case"]) for case in cases]
    assert len(sessions) <= engine.batch_size
    return {session.key: session for session in engine.run(sessions)}


def check(folder: Path, device: str = "cpu") -> dict[tuple[int, int], list[float]]:
    """Compare every recorded case; return the IoUs by case and target size."""
    golden = json.loads((folder / "loop.json").read_text())
    ious: dict[tuple[int, int], list[float]] = {}
    for target_size in (448, 672):
        cases = [case for case in golden["cases"] if case["target_size"] == target_size]
        finished = run_cases(folder, cases, target_size, device)
        for case in cases:
            records = finished[case["case"]].clicks
            clicks = [[record.click.y, record.click.x, record.click.is_foreground] for record in records]
            assert clicks == case["clicks"], f"case {case['case']} at {target_size}"
            own = [record.iou for record in records if record.iou is not None]
            assert own == pytest.approx(case["ious"], abs=1e-6), f"case {case['case']} at {target_size}"
            ious[case["case"], target_size] = own
    return ious


def test_three_small_recorded_loops_come_out_the_same() -> None:
    assert len(check(SMALL)) == 3


@requires_shared
def test_every_recorded_loop_and_its_figures_come_out_the_same() -> None:
    golden = json.loads((FULL / "loop.json").read_text())
    ious = ClickIous.from_lists(list(check(FULL).values()))
    assert ious.num_objects == 13
    for percent, expected in golden["noc"].items():
        threshold = int(percent) / 100
        assert noc(ious, threshold).mean() == pytest.approx(expected)
        assert nof_published(ious, threshold) == golden["nof"][percent]

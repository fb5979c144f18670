"""A clone in the engine clicks as its authors' evaluation does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actors.click_models.isegm import isegm
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.session import FinishedSession, Session, SessionLimits, SimulatedClicks
from tests.actors.click_models.authors_loop import MAX_CLICKS, TARGET, clicked_by_authors, photographs
from tests.actors.click_models.stand_in_clones import write_checkpoint, write_clone
from tests.actors.click_models.stand_in_sources import Family


@pytest.mark.parametrize(
    ("family", "mode", "image"), [(Family.RITM, "NoBRS", "uint8"), (Family.FBRS, "f-BRS-B", "normalised")]
)
def test_sessions_of_the_engine_click_as_the_authors_evaluation_does(
    family: Family, mode: str, image: str, tmp_path: Path
) -> None:
    root = write_clone(tmp_path / "clone", family)
    checkpoint = write_checkpoint(root, family, tmp_path / "last.pth")
    model = isegm(str(root), checkpoint=str(checkpoint), zoom="48", mode=mode, image=image)
    limits = SessionLimits(max_clicks=MAX_CLICKS, target_iou=TARGET)
    sessions = [
        Session(index, photo.image, photo.truth, SimulatedClicks(), limits)
        for index, photo in enumerate(photographs())
    ]
    finished: dict[object, FinishedSession] = {
        done.key: done for done in Engine(model, EngineSettings(batch_size=3)).run(sessions)
    }
    theirs = clicked_by_authors(root, checkpoint, photographs(), mode, zoom_in_params={"target_size": 48})
    for index, expected in enumerate(theirs):
        clicks = finished[index].clicks
        assert [record.click for record in clicks] == expected.clicks
        assert [record.iou for record in clicks] == expected.ious
        assert np.allclose(finished[index].prob, expected.probs[-1], rtol=0, atol=1e-5)

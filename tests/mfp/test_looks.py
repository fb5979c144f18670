"""A session that is watched is the session that the engine runs."""

from __future__ import annotations

import numpy as np
import pytest

from mfp.clicks import Click
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import LoggedClicks, Session, SessionLimits
from tests.mfp.session_factories import create_image, create_session, create_sessions

_SETTINGS = EngineSettings(zoom_size=96, batch_size=4)


def _engine() -> Engine:
    return Engine(AnalyticClickModel(), _SETTINGS)


@pytest.mark.parametrize("limits", [SessionLimits(), SessionLimits(max_clicks=3, target_iou=None)])
def test_the_last_look_is_the_outcome_of_a_run_in_a_batch(limits: SessionLimits) -> None:
    sessions = create_sessions(5, limits)
    finished = {one.key: one for one in _engine().run(sessions)}
    for session in sessions:
        *_, last = _engine().looks(session)
        outcome = finished[session.key]
        assert np.array_equal(last.mask, outcome.mask)
        assert np.array_equal(last.prob, outcome.prob)
        assert [one.click for one in last.clicks] == [one.click for one in outcome.clicks]


def test_every_look_shows_one_more_click_and_keeps_its_own_maps() -> None:
    looks = list(_engine().looks(create_session(0)))
    assert [len(look.clicks) for look in looks] == list(range(1, len(looks) + 1))
    for look in looks:
        assert np.array_equal(look.mask, look.prob > 0.5)


def test_clicks_in_a_row_are_one_look() -> None:
    clicks = (
        Click(5, 5, is_foreground=True),
        Click(9, 9, is_foreground=True),
        Click(1, 1, is_foreground=False),
    )
    session = Session(
        0, create_image(0, 64, 96), None, LoggedClicks(clicks, (0, 0, 1)), SessionLimits(max_clicks=None)
    )
    assert [len(look.clicks) for look in _engine().looks(session)] == [2, 3]


def test_a_session_without_a_click_has_no_look() -> None:
    session = Session(0, create_image(0, 64, 96), None, LoggedClicks(()), SessionLimits(max_clicks=None))
    assert not list(_engine().looks(session))

"""A session whose clicks come one at a time, from whoever looks at its mask in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mfp.clicks import Click
from mfp.runner import Request, Runner
from mfp.session import FinishedSession, LoggedClicks, Look, Session, SessionLimits
from mfp.session_state import SessionState

_WITHOUT_END = SessionLimits(max_clicks=None, target_iou=None)


class LiveSession:
    """One session alone. Its masks are those of `Engine.run` with the same clicks from a log, under `Engine.looks`."""

    def __init__(self, session: Session, runner: Runner[Any, Any]) -> None:
        """The clicks and limits of `session` are not asked: it has no click yet, and goes on for ever.

        Raises:
            ImageSizeError: the model does not take the image.
            StartError: the model does not start from a mask.
        """
        self._runner = runner
        self._state = SessionState(
            replace(session, clicks=LoggedClicks(()), limits=_WITHOUT_END), runner.zoom
        )
        self._opened = runner.open(session.image, session.known)

    @property
    def clicks(self) -> tuple[Click, ...]:
        """Made so far, in their order."""
        return tuple(self._state.clicks)

    def click(self, click: Click) -> Look:
        """Make a click, in image pixels, and return what the session looks like then.

        Raises:
            ClickError: it lies outside the image; nothing has changed.
        """
        state = self._state
        state.go_on(LoggedClicks((*state.clicks, click)))
        session = state.session
        request = Request(
            self._opened,
            state.region,
            state.clicks,
            state.num_new,
            session.changes == "local",
            session.excluded,
        )
        (masks,) = self._runner.predict([request], self._runner.batch_key(state.region))
        state.take(masks)
        return state.look(self._runner.probabilities(self._opened))

    def outcome(self) -> FinishedSession:
        """The session as if it ended here; it may go on all the same. Its arrays are those of the session."""
        return self._state.finish(self._runner.probabilities(self._opened), self._runner.traits.threshold)

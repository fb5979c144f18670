"""The reasons for which a session ends."""

from __future__ import annotations

from enum import StrEnum


class StopReason(StrEnum):
    """Why a session ended."""

    TARGET_REACHED = "target_reached"
    """The IoU reached the target after at least the minimum number of clicks."""
    PERFECT = "perfect"
    """Nothing within reach is wrong: the mask is the truth, but for pixels that other objects have."""
    ERRORS_CLICKED = "errors_clicked"
    """The mask is wrong, but the simulated user has clicked every wrong pixel before: the model does not follow."""
    SATISFIED = "satisfied"
    """The simulated user finds the mask good enough."""
    QUALITY_REACHED = "quality_reached"
    """The quality, which needs no truth, reached its target after at least the minimum number of clicks."""
    NO_CHANGE = "no_change"
    """The newest clicks changed the mask too little for another one to be worth it."""
    MAX_CLICKS = "max_clicks"
    """As many clicks as the limit allows were made."""
    CLICKS_EXHAUSTED = "clicks_exhausted"
    """Every logged click has been made."""

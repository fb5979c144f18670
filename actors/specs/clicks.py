"""Which clicks a run makes, and how many of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

from annotated_types import Ge, Interval, Unit
from typing_extensions import Doc

from actors.specs.marks import LOCATION, Option
from actors.specs.places import absolute
from mfp.evaluation_protocol import MAX_CLICKS, TARGET_IOU
from mfp.setting import Effect

_LOGGED = "logged:"


@dataclass(frozen=True)
class Simulated:
    """Clicks are simulated from the true masks, by the user of the evaluation protocol."""


@dataclass(frozen=True)
class Logged:
    """Clicks are those of the log at `url`."""

    url: str


ClickOrigin: TypeAlias = Simulated | Logged
SIMULATED: Final = "simulated"


def logged(url: str) -> str:
    """The source of clicks that are those of the log at `url`, as `Clicks.source` has it."""
    return f"{_LOGGED}{url}"


@dataclass(frozen=True)
class Clicks:
    """Where clicks come from, and when there are enough on an object."""

    source: Annotated[
        str,
        LOCATION,
        Effect.CONTENT,
        Option("--clicks", "simulated|logged:URL"),
        Doc(
            "Simulate clicks from the masks, or replay a click log (Parquet or JSON Lines, or the clicks of a run)."
        ),
    ] = SIMULATED
    max_clicks: Annotated[
        Annotated[int, Ge(1)] | Literal["all", "auto"],
        Unit("n"),
        Doc(f"Clicks per object at most. auto: {MAX_CLICKS} simulated ones, all of a click log."),
    ] = "auto"
    target_iou: Annotated[
        Annotated[float, Interval(ge=0, le=1)] | Literal["none", "auto"],
        Unit("iou"),
        Doc(
            "An object is finished at this IoU; needs its true mask. none: no IoU ends it (a perfect mask does). auto: "
            f"{TARGET_IOU} for simulated clicks, none for a click log."
        ),
    ] = "auto"

    def __post_init__(self) -> None:
        if isinstance(self.origin, Simulated) and self.max_clicks == "all":
            raise ValueError("max_clicks 'all' is for click logs: simulated clicks need a number")

    @property
    def origin(self) -> ClickOrigin:
        """The source, taken apart. ValueError if it is neither `simulated` nor `logged:URL`."""
        if self.source == SIMULATED:
            return Simulated()
        if not (isinstance(self.source, str) and self.source.startswith(_LOGGED)):
            raise ValueError(f"clicks {self.source!r} are neither {SIMULATED!r} nor {_LOGGED}URL")
        url = self.source.removeprefix(_LOGGED)
        if not url:
            raise ValueError(f"clicks {self.source!r} name no click log after {_LOGGED!r}")
        return Logged(url)

    def resolved(self) -> Clicks:
        """The same with what `auto` stands for, and with an absolute place."""
        origin = self.origin
        is_simulated = isinstance(origin, Simulated)
        source = logged(absolute(origin.url)) if isinstance(origin, Logged) else self.source
        max_clicks, target_iou = self.max_clicks, self.target_iou
        if max_clicks == "auto":
            max_clicks = MAX_CLICKS if is_simulated else "all"
        if target_iou == "auto":
            target_iou = TARGET_IOU if is_simulated else "none"
        return Clicks(source, max_clicks, target_iou)

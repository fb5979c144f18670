"""Who clicks in a run, and when there are enough clicks on an object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal, TypeAlias

from annotated_types import Ge, Interval, Unit
from typing_extensions import Doc

from actors.specs.marks import LOCATION, Option
from actors.specs.prefixed import LOGGED, MASKS, place_of, places_of, with_absolute_place
from mfp.evaluation_protocol import MAX_CLICKS, TARGET_IOU
from mfp.setting import Effect

SIMULATED: Final = "simulated"
PROTOCOL: Final = "protocol"
BOX_CENTRE: Final = "box-centre"
NO_MASKS: Final = "none"
_USER = f"{SIMULATED}:"


@dataclass(frozen=True)
class Simulated:
    """Clicks are simulated from the true masks, by the user of that name (`mfp.users.registry.parse`)."""

    user: str = PROTOCOL


@dataclass(frozen=True)
class Logged:
    """Clicks are those of the log at `url`."""

    url: str


@dataclass(frozen=True)
class BoxCentre:
    """One click in the middle of the box that an object starts from."""


ClickOrigin: TypeAlias = Simulated | Logged | BoxCentre


def logged(url: str) -> str:
    """The source of clicks that are those of the log at `url`, as `Clicks.source` has it."""
    return f"{LOGGED}{url}"


def origin_of(source: str) -> ClickOrigin:
    """Who clicks, by what `Clicks.source` says.

    Raises:
        ValueError: it is none of the sources, or names an unknown user or option.
    """
    if source == BOX_CENTRE:
        return BoxCentre()
    if source == SIMULATED:
        return Simulated()
    if isinstance(source, str) and source.startswith(_USER):
        from mfp.users.registry import parse  # with OpenCV

        return Simulated(parse(place_of(source, _USER, "simulated user")).name)
    if isinstance(source, str) and source.startswith(LOGGED):
        return Logged(place_of(source, LOGGED, "click log"))
    raise ValueError(
        f"clicks {source!r} are neither {SIMULATED!r}, {_USER}USER, {LOGGED}URL nor {BOX_CENTRE!r}"
    )


def is_random(user: str) -> bool:
    """Whether a simulated user, by its name, makes random draws. ValueError if there is no such user."""
    from mfp.users.registry import parse

    return parse(user).is_random


def simulated_source(user: str) -> str:
    """The source of clicks of a simulated user, as `Clicks.source` has it."""
    return SIMULATED if user == PROTOCOL else _USER + user


@dataclass(frozen=True)
class Clicks:
    """Where clicks come from, and when there are enough on an object."""

    source: Annotated[
        str,
        LOCATION,
        Effect.CONTENT,
        Option("--clicks", "SOURCE"),
        Doc(
            "Who clicks: simulated (from the true masks), simulated:USER?OPTION=VALUE for another user than the "
            "protocol's, logged:URL (clicks of people, or of a run), or box-centre (one click in each box of --start)."
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
    target_quality: Annotated[
        Annotated[float, Interval(ge=0, le=1)] | Literal["none"],
        Unit("iou"),
        Doc("An object is finished when this IoU is expected of its mask (column quality); needs no truth."),
    ] = "none"
    min_change: Annotated[
        float,
        Interval(ge=0, le=1),
        Unit("fraction"),
        Doc("An object is finished when a click changes less than this share of its mask. 0: never."),
    ] = 0.0
    final_masks: Annotated[
        str,
        LOCATION,
        Effect.CONTENT,
        Option("--final-masks", "masks:URL"),
        Doc(
            "The annotators' own last masks, as --start takes them: column divergence says how far ours are from them."
        ),
    ] = NO_MASKS

    def __post_init__(self) -> None:
        if isinstance(self.origin, Simulated) and self.max_clicks == "all":
            raise ValueError("max_clicks 'all' is for click logs: simulated clicks need a number")
        is_text = isinstance(self.final_masks, str)
        if self.final_masks != NO_MASKS and not (is_text and self.final_masks.startswith(MASKS)):
            raise ValueError(f"final_masks {self.final_masks!r} are neither {NO_MASKS!r} nor {MASKS}URL")

    @property
    def origin(self) -> ClickOrigin:
        """The source, taken apart; ValueError as `origin_of`."""
        return origin_of(self.source)

    @property
    def final_mask_places(self) -> list[str]:
        """Where the annotators' own last masks are: one place or none."""
        return places_of(self.final_masks)

    def resolved(self) -> Clicks:
        """The same with what `auto` stands for, with absolute places, and with the user by its shortest name."""
        origin = self.origin
        is_simulated = isinstance(origin, Simulated)
        max_clicks, target_iou = self.max_clicks, self.target_iou
        if max_clicks == "auto":
            max_clicks = MAX_CLICKS if is_simulated else "all"
        if target_iou == "auto":
            target_iou = TARGET_IOU if is_simulated else "none"
        return replace(
            self,
            source=simulated_source(origin.user)
            if isinstance(origin, Simulated)
            else with_absolute_place(self.source),
            max_clicks=max_clicks,
            target_iou=target_iou,
            final_masks=with_absolute_place(self.final_masks),
        )

"""Where the objects of a run start, and how they take notice of what is there already."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Final, Literal, TypeAlias

from annotated_types import Ge, Interval, Unit
from typing_extensions import Doc

from actors.specs.marks import LOCATION, Option, Section
from actors.specs.prefixed import BOXES, MASKS, place_of, with_absolute_place
from infra.layout_options import LayoutOptions
from infra.shards.image_reading import ImageReading
from mfp.setting import Effect

NOTHING: Final = "nothing"
DAMAGED: Final = "damaged"
_MIN_IOU, _MAX_IOU = 0.75, 0.85
Overlap: TypeAlias = Literal["allow", "exclude", "priority"]


@dataclass(frozen=True)
class StartsFromNothing:
    """Objects start from nothing."""


@dataclass(frozen=True)
class StartsFromMasks:
    """Objects start from the masks at `url`."""

    url: str


@dataclass(frozen=True)
class StartsFromBoxes:
    """Objects start from the boxes at `url`."""

    url: str


@dataclass(frozen=True)
class StartsFromDamage:
    """Objects start from their true masks, damaged at random."""


StartOrigin: TypeAlias = StartsFromNothing | StartsFromMasks | StartsFromBoxes | StartsFromDamage


def start_origin_of(source: str) -> StartOrigin:
    """Where objects start, by what `Start.source` says; ValueError if it is none of the starts."""
    if source == NOTHING:
        return StartsFromNothing()
    if source == DAMAGED:
        return StartsFromDamage()
    if isinstance(source, str) and source.startswith(MASKS):
        return StartsFromMasks(place_of(source, MASKS, "masks"))
    if isinstance(source, str) and source.startswith(BOXES):
        return StartsFromBoxes(place_of(source, BOXES, "boxes"))
    raise ValueError(f"start {source!r} is neither {NOTHING!r}, {MASKS}URL, {BOXES}URL nor {DAMAGED!r}")


@dataclass(frozen=True)
class Start:
    """What is known of objects before their first click, and what clicks may change."""

    source: Annotated[
        str,
        LOCATION,
        Effect.CONTENT,
        Option("--start", "START"),
        Doc(
            "What objects start from: nothing, masks:URL (COCO JSON, folder of PNG, a run), boxes:URL (COCO JSON, "
            "Parquet), or damaged: their true masks with seeded defects, to measure corrections."
        ),
    ] = NOTHING
    changes: Annotated[
        Literal["auto", "local", "global"],
        Doc(
            "What a click changes: local, the part of the mask it lies in; global, all the model answers. auto: local "
            "if objects start from masks."
        ),
    ] = "auto"
    damage_min_iou: Annotated[
        float,
        Interval(gt=0, lt=1),
        Unit("iou"),
        Doc("Damaged masks have at least this IoU with the true ones."),
    ] = _MIN_IOU
    damage_max_iou: Annotated[
        float, Interval(gt=0, lt=1), Unit("iou"), Doc("Damaged masks have at most this IoU.")
    ] = _MAX_IOU
    damage_seed: Annotated[int, Ge(0), Doc("Seed of the damage; other seeds make other defects.")] = 0
    overlap: Annotated[
        Overlap,
        Doc(
            "What objects of an image know of each other. allow: nothing. exclude: they are made one after the other, "
            "and finished ones are background for the rest. priority: the same, the highest priority (or score) first."
        ),
    ] = "allow"

    masks: Annotated[
        LayoutOptions,
        Section(
            "Start",
            prefix="start-",
            hidden=frozenset({"split", "crowd", *(field.name for field in fields(ImageReading))}),
        ),
    ] = LayoutOptions()

    def __post_init__(self) -> None:
        has_masks = self.is_from_masks  # a start that is none is told of first
        if self.changes == "local" and not has_masks:
            raise ValueError(
                f"changes 'local' with start {self.source!r}: there is no mask to keep; leave it out"
            )
        is_damage = (self.damage_min_iou, self.damage_max_iou, self.damage_seed) != (_MIN_IOU, _MAX_IOU, 0)
        if is_damage and self.source != DAMAGED:
            raise ValueError(
                f"settings of damage with start {self.source!r}: nothing is damaged; leave them out, or start from "
                f"{DAMAGED!r}"
            )
        limits = (self.damage_min_iou, self.damage_max_iou)
        if all(isinstance(limit, int | float) for limit in limits) and limits[0] >= limits[1]:
            raise ValueError(f"damage_min_iou {limits[0]:g} must be below damage_max_iou {limits[1]:g}")

    @property
    def origin(self) -> StartOrigin:
        """The source, taken apart; ValueError as `start_origin_of`."""
        return start_origin_of(self.source)

    @property
    def is_from_masks(self) -> bool:
        """Whether objects have a mask before the first click."""
        return isinstance(self.origin, StartsFromMasks | StartsFromDamage)

    def resolved(self) -> Start:
        """The same with an absolute place and with what `auto` stands for."""
        changes = self.changes
        if changes == "auto":
            changes = "local" if self.is_from_masks else "global"
        return replace(self, source=with_absolute_place(self.source), changes=changes)

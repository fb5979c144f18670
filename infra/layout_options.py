"""How a source of images and masks is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

from annotated_types import Interval, Unit
from typing_extensions import Doc

from infra.shards.image_reading import ImageReading

LayoutName: TypeAlias = Literal["folder", "grabcut", "berkeley", "davis", "voc", "sbd", "coco", "lvis"]
MaskValues: TypeAlias = Literal["binary", "instances"]
CrowdRegions: TypeAlias = Literal["skip", "objects"]
BY_THEMSELVES: Final = "as they are"
"""Object values that nobody has named: what the values of a mask mean is told by themselves."""


@dataclass(frozen=True)
class LayoutOptions:
    """How a source is read; an option that is not given leaves it to what is usual in the layout."""

    split: Annotated[
        str | None,
        Unit("name|file"),
        Doc(
            "Subset by its name in the layout, such as val, or a text file with one stem a line, read in that order. "
            "Without it everything."
        ),
    ] = None
    mask_values: Annotated[
        MaskValues | None,
        Doc(
            "What a mask file shows: one object, or an object for each value but 0. Without it as usual in the layout."
        ),
    ] = None
    ignore_value: Annotated[
        Annotated[int, Interval(ge=0, le=65535)] | None,
        Unit("value"),
        Doc(
            "Mask value of pixels that are neither object nor background. Without it as usual in the layout."
        ),
    ] = None
    object_values: Annotated[
        str,
        Unit("values"),
        Doc(
            "Mask values that are object: 255, 1,3, 128-255, '#ff0000', alpha, transparent, 0 (an inverted mask). "
            "Without it all but 0."
        ),
    ] = BY_THEMSELVES
    crowd: Annotated[
        CrowdRegions,
        Doc("COCO regions with iscrowd 1: left out, or objects, as CVAT writes brush masks."),
    ] = "skip"
    images: ImageReading = ImageReading()

    def __post_init__(self) -> None:
        if self.object_values != BY_THEMSELVES:
            from infra.layouts.object_values import ObjectValues  # with all that reads masks

            ObjectValues.parse(self.object_values)

    @property
    def names_mask_values(self) -> bool:
        """Whether an option was given that is about the values of masks."""
        given = (self.mask_values, self.ignore_value, self.object_values)
        return given != (None, None, BY_THEMSELVES)

"""How mask files are to be understood, and what a mask is once it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from infra.errors import LayoutError, Reason, SampleError
from infra.layout_options import BY_THEMSELVES, LayoutOptions
from infra.layouts.object_values import ObjectValues
from infra.shards.image_reading import Orientation

Rgb: TypeAlias = tuple[int, int, int]

SAY_WHICH = "say what is object with --object-values"


@dataclass(frozen=True)
class MaskReading:
    """How mask files are understood: see `LayoutOptions` for the first three. `ignore_value` None: every pixel counts.

    `mask_values_are_told`, `ignore_is_told`: a person said so; else it is what is usual in the layout.
    void_colours: what is ignored in colour masks as is usual in the layout, (red, green, blue).
    """

    mask_values: Literal["binary", "instances"] = "binary"
    ignore_value: int | None = None
    object_values: ObjectValues = field(default_factory=ObjectValues)
    orientation: Orientation = "upright"
    mask_values_are_told: bool = True
    ignore_is_told: bool = True
    void_colours: tuple[Rgb, ...] = ()

    @classmethod
    def of(
        cls,
        options: LayoutOptions,
        mask_values: Literal["binary", "instances"],
        ignore_value: int | None = None,
        void_colours: tuple[Rgb, ...] = (),
    ) -> MaskReading:
        """Take what a person chose, and for the rest what is usual in the layout.

        Raises:
            LayoutError: the options contradict each other.

        """
        told = (
            ObjectValues()
            if options.object_values == BY_THEMSELVES
            else ObjectValues.parse(options.object_values)
        )
        values = options.mask_values or mask_values
        if told.by_transparency and values == "instances":
            raise LayoutError(
                f"--object-values {told} makes one object of a mask, and mask values are instances: give "
                "--mask-values binary"
            )
        ignore = options.ignore_value
        if ignore is not None and told.names(ignore):
            raise LayoutError(
                f"--object-values {told} names {ignore}, and --ignore-value {ignore} says that it does not count: "
                "leave out one of them"
            )
        if ignore is None and ignore_value is not None and told.names(ignore_value):
            ignore_value, void_colours = None, ()  # what is usual yields to what a person says
        return cls(
            mask_values=values,
            ignore_value=ignore_value if ignore is None else ignore,
            object_values=told,
            orientation=options.images.orientation,
            mask_values_are_told=options.mask_values is not None,
            ignore_is_told=ignore is not None,
            void_colours=void_colours if ignore is None else (),
        )


@dataclass(frozen=True)
class MaskPixels:
    """A mask understood.

    values: (H, W) integers: 0 is background, any other value the object of that name; 1 if there is one object.
    ignored: (H, W) bool: pixels that count neither as object nor as background; `values` is 0 there.
    meaning: one sentence on what was taken for object, the same for all files of a kind.
    doubts: sentences on what a person should look at, the same for all files of a kind.
    """

    values: npt.NDArray[np.int64]
    ignored: npt.NDArray[np.bool_]
    meaning: str
    doubts: tuple[str, ...] = ()


def ambiguous(detail: str) -> SampleError:
    """Make the error for a mask whose values do not tell what is object."""
    return SampleError(Reason.AMBIGUOUS_MASK, detail)

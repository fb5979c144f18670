"""All that an export is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from annotated_types import Interval, Unit
from typing_extensions import Doc

from actors.specs.label import StorageSection
from actors.specs.marks import LOCATION, Argument, Option, Section
from infra.exports.format_names import FormatName, Shape
from infra.storage.options import StorageOptions

USUAL_CATEGORY: Final = "category"


@dataclass(frozen=True)
class ExportedMasks:
    """Which masks of a run go out."""

    min_quality: Annotated[
        float,
        Interval(ge=0, le=1),
        Unit("quality"),
        Doc(
            "Leave out masks whose quality is lower, or not known, unless a person has accepted or corrected them."
        ),
    ] = 0.0
    reviewed: Annotated[
        Literal["all", "only"],
        Doc(
            "Masks go out as they are after `mfp review`: corrected ones in place, rejected ones left out, added ones "
            "there. only: those alone that a person has accepted, corrected or added."
        ),
    ] = "all"
    split: Annotated[
        str,
        Unit("name|file"),
        Doc(
            "Samples of one split: its name in the paths of the shards, such as val, or a text file (.txt) with one "
            "sample key a line. Empty: all."
        ),
    ] = ""
    where: Annotated[
        str,
        Unit("condition"),
        Doc(
            "A condition on the columns of the masks table in SQL, such as 'num_clicks <= 3 AND area > 100'."
        ),
    ] = ""
    empty_images: Annotated[
        bool,
        Option("--empty-images/--no-empty-images"),
        Doc("Images that show no object by the data set go out too, as images without a mask."),
    ] = False


@dataclass(frozen=True, kw_only=True)
class ExportSpec:
    """One call of `mfp export`."""

    run: Annotated[str, Argument("RUN"), LOCATION, Doc("Run directory: what was given as --out.")]
    format: Annotated[FormatName, Doc("The format; docs/exports.md tells them apart.")]
    to: Annotated[str, Option(metavar="URL"), LOCATION, Doc("Folder or URL to write to; it must be empty.")]
    masks: Annotated[ExportedMasks, Section("Masks")] = ExportedMasks()
    shape: Annotated[
        Shape, Doc("How masks are written in a format that leaves the choice; polygons lose holes.")
    ] = "rle"
    images: Annotated[
        bool, Option("--images/--no-images"), Doc("Copy the images beside the masks, as they are encoded.")
    ] = False
    image_prefix: Annotated[
        str, Unit("prefix"), Doc("Stands before the names of image files, if they lie elsewhere.")
    ] = ""
    category: Annotated[
        str,
        Unit("attribute"),
        Doc(
            "Attribute of objects, or else of samples, that holds the class; without it the class is `object`."
        ),
    ] = USUAL_CATEGORY
    max_loss: Annotated[
        float,
        Interval(ge=0, le=1),
        Unit("1 - IoU"),
        Doc("Refuse if a mask that was read back differs by more than this from that of the run."),
    ] = 1.0
    storage: StorageSection = StorageOptions()

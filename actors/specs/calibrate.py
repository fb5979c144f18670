"""All that a calibration of quality is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge
from typing_extensions import Doc

from actors.specs.label import StorageSection
from actors.specs.marks import LOCATION, Argument, Option
from infra.storage.options import StorageOptions


@dataclass(frozen=True, kw_only=True)
class CalibrateSpec:
    """One run of `mfp calibrate`."""

    runs: Annotated[
        tuple[str, ...],
        Argument("RUN"),
        LOCATION,
        Doc("Evaluations of one model with --full-curve, whose masks have an IoU after every click."),
    ]
    out: Annotated[
        str, Option(metavar="FILE.json"), LOCATION, Doc("The calibration to write, a path or URL.")
    ]
    folds: Annotated[int, Ge(2), Doc("Groups of images: each is scored by a fit to the others.")] = 10
    seed: Annotated[int, Ge(0), Doc("Deals the images to the groups.")] = 0
    storage: StorageSection = StorageOptions()

"""Settings of the commands around the review of a run: review, upgrade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import Ge, Interval
from typing_extensions import Doc

from actors.specs.export import USUAL_CATEGORY
from actors.specs.label import RunPlace, StorageSection, WorkersSection
from actors.specs.marks import LOCATION, Argument, Option
from actors.specs.model import ModelChoice, TrustModelCode
from actors.specs.workers import Workers
from infra.storage.options import StorageOptions

LOCAL_HOST: Final = "127.0.0.1"
USUAL_PORT: Final = 8765


@dataclass(frozen=True, kw_only=True)
class ReviewSpec:
    """One call of `mfp review`."""

    run: Annotated[str, Argument("RUN"), LOCATION, Doc("Run directory: what was given as --out.")]
    reviewer: Annotated[
        str,
        Option(metavar="NAME", shown_default="your login name"),
        Doc("Who decides, unless another name is entered on the page."),
    ] = ""
    port: Annotated[int, Interval(ge=0, le=65535), Doc("Port of the page. 0: any that is free.")] = USUAL_PORT
    host: Annotated[
        str,
        Option(metavar="ADDRESS"),
        Doc(
            "Address of this machine to listen at. Another than the local one lets everybody who has the link see the "
            "images and decide; the link and all that it shows go over the network unencrypted."
        ),
    ] = LOCAL_HOST
    category: Annotated[
        str,
        Option(metavar="ATTRIBUTE"),
        Doc("Attribute of objects, or else of samples, that holds the class."),
    ] = USUAL_CATEGORY
    seed: Annotated[int, Ge(0), Doc("Seed of the order of the random audit.")] = 0
    trust_model_code: TrustModelCode = False
    storage: StorageSection = StorageOptions()


@dataclass(frozen=True, kw_only=True)
class UpgradeSpec:
    """One call of `mfp upgrade`."""

    run: Annotated[
        str, Argument("RUN"), LOCATION, Doc("Run whose masks are to be made again by another model.")
    ]
    out: RunPlace
    model: ModelChoice
    workers: WorkersSection = Workers()
    storage: StorageSection = StorageOptions()

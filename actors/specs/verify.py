"""All that the check of a run is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Interval, Unit
from typing_extensions import Doc

from actors.specs.label import StorageSection
from actors.specs.marks import LOCATION, Argument
from actors.specs.model import TrustModelCode
from infra.storage.options import StorageOptions
from mfp.engine_settings import BackendName


@dataclass(frozen=True, kw_only=True)
class VerifySpec:
    """One run of `mfp verify`."""

    run: Annotated[str, Argument("RUN"), LOCATION, Doc("Run directory: what was given as --out.")]
    sample: Annotated[
        float, Interval(ge=0, le=1), Unit("share"), Doc("Share of the objects to label again.")
    ] = 0.01
    tolerance: Annotated[
        float,
        Interval(ge=0, le=1),
        Unit("share"),
        Doc(
            "Share of an image's pixels in which a mask may come out differently, and IoUs by as much; on the "
            "processor that made it none should, on another the last bit of a map may tip some. Clicks must be equal."
        ),
    ] = 0.0
    seed: Annotated[int, Ge(0), Doc("Draws the objects.")] = 0
    device: Annotated[Literal["cpu", "cuda"], Doc("What labels them again.")] = "cpu"
    backend: Annotated[
        Literal["run", BackendName],
        Doc("What runs the network then: that of the run, or another; what that can promise is said."),
    ] = "run"
    trust_model_code: TrustModelCode = False
    storage: StorageSection = StorageOptions()

"""All that a certificate is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Unit
from typing_extensions import Doc

from actors.specs.label import StorageSection
from actors.specs.marks import LOCATION, Argument, Section
from infra.storage.options import StorageOptions
from mfp.promise import Promise


@dataclass(frozen=True, kw_only=True)
class CertifySpec:
    """One run of `mfp certify`."""

    run: Annotated[str, Argument("RUN"), LOCATION, Doc("Run directory: what was given as --out.")]
    promise: Annotated[Promise, Section("Promise")] = Promise()
    audit: Annotated[
        int,
        Ge(1),
        Unit("masks"),
        Doc("So many random masks are reviewed, or have truth: they say what can be promised of the rest."),
    ] = 200
    seed: Annotated[
        int, Ge(0), Doc("Draws the audit: as the audit order of `mfp review` with that seed.")
    ] = 0
    storage: StorageSection = StorageOptions()

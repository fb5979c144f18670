"""All that commands are told which read what others have made: report, compare, status, convert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from actors.specs.label import StorageSection
from actors.specs.marks import LOCATION, Argument
from infra.storage.options import StorageOptions


@dataclass(frozen=True, kw_only=True)
class ReportSpec:
    """One call of `mfp report`."""

    run: Annotated[str, Argument("RUN"), LOCATION, Doc("Run directory: what was given as --out.")]
    storage: StorageSection = StorageOptions()


@dataclass(frozen=True, kw_only=True)
class CompareSpec:
    """One call of `mfp compare`."""

    runs: Annotated[
        tuple[str, ...],
        Argument("RUN"),
        LOCATION,
        Doc("Run directories over the same data set; the first is the measure."),
    ]
    storage: StorageSection = StorageOptions()


@dataclass(frozen=True, kw_only=True)
class StatusSpec:
    """One call of `mfp status`."""

    job: Annotated[
        str,
        Argument("JOB|RUN"),
        LOCATION,
        Doc("Job id, or a run directory: that needs no cluster."),
    ]
    storage: StorageSection = StorageOptions()


@dataclass(frozen=True, kw_only=True)
class ConvertSpec:
    """One call of `mfp convert`."""

    source: Annotated[
        str,
        Argument("WEIGHTS"),
        LOCATION,
        Doc("A checkpoint of torch.save or safetensors; a path or URL."),
    ]
    out: Annotated[
        str,
        Argument("OUT.safetensors"),
        LOCATION,
        Doc("The model file to write, a path or URL."),
    ]
    storage: StorageSection = StorageOptions()

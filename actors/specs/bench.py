"""All that a benchmark is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge
from typing_extensions import Doc

from actors.specs.label import NetworkSection, StorageSection
from actors.specs.marks import LOCATION, SPOKEN, Argument, Option
from infra.storage.options import StorageOptions
from mfp.engine_settings import EngineSettings

BenchName: TypeAlias = Literal["engine", "sequential", "pipeline", "train", "pieces"]


@dataclass(frozen=True, kw_only=True)
class BenchSpec:
    """One call of `mfp bench`."""

    name: Annotated[
        BenchName,
        Argument("NAME"),
        Doc("What is measured: engine, sequential, pipeline, train or pieces; see docs/performance.md."),
    ]
    model: Annotated[
        str,
        LOCATION,
        Doc(
            "A shipped model, the path or URL of a model file, or, with random weights, a network of `mfp models` or "
            "vit_tiny."
        ),
    ] = "lite0"
    dataset: Annotated[
        str | None,
        LOCATION,
        Option(shown_default="made-up photographs"),
        Doc("Folder or URL of shards whose first objects are clicked."),
    ] = None
    objects: Annotated[int, Ge(1), Doc("Objects that are clicked; of `pipeline` in every shard.")] = 8
    clicks: Annotated[
        int, Ge(1), Doc("Clicks on each; nothing ends an object before, but a perfect mask.")
    ] = 10
    repeats: Annotated[int, Ge(1), Doc("How often each way is timed, in turns with the others.")] = 3
    threads: Annotated[
        Annotated[int, Ge(1)] | Literal["all"],
        Doc("Cores to use. all: those of this machine."),
    ] = "all"
    place: Annotated[
        str | None,
        LOCATION,
        Option("--at", "URL", shown_default="a temporary folder"),
        Doc("Folder, such as s3://bucket/bench, for the shards and runs of `pipeline` and `train`."),
    ] = None
    profile: Annotated[
        bool, SPOKEN, Doc("Do the work once more under py-spy, and name what costs the most of it.")
    ] = False
    out: Annotated[
        str | None,
        LOCATION,
        Option(metavar="FILE.json", shown_default="nothing is written"),
        Doc("Write everything that was measured as JSON, a path or URL."),
    ] = None
    network: NetworkSection = EngineSettings()
    storage: StorageSection = StorageOptions()

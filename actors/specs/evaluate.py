"""All that an evaluation is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Unit
from typing_extensions import Doc

from actors.specs.clicks import SIMULATED, Clicks, Simulated, is_random, origin_of
from actors.specs.label import (
    Calibration,
    DatasetPlace,
    LabelSpec,
    Limits,
    NetworkSection,
    RunPlace,
    Seed,
    StartSection,
    StorageSection,
    WorkersSection,
)
from actors.specs.marks import LOCATION, Option, Section
from actors.specs.model import ModelChoice
from actors.specs.start import Start
from actors.specs.workers import Workers
from infra.storage.options import StorageOptions
from mfp.engine_settings import EngineSettings
from mfp.evaluation_protocol import MAX_CLICKS, TARGET_IOU
from mfp.setting import Effect

_REALISTIC = "distance-weighted"
_DRAWS = 10


@dataclass(frozen=True)
class Protocol:
    """Who clicks in an evaluation, and how far."""

    source: Annotated[
        str,
        Option("--clicks", "simulated[:USER]"),
        Doc("The simulated user: the protocol's, or another, as in simulated:uniform; see `mfp users`."),
    ] = SIMULATED
    max_clicks: Annotated[int, Ge(1), Doc("Clicks per object at most.")] = MAX_CLICKS
    full_curve: Annotated[
        bool,
        Doc(f"Go on to --max-clicks (or a perfect mask) instead of stopping at IoU {TARGET_IOU}."),
    ] = False

    def __post_init__(self) -> None:
        if self.source != SIMULATED and not isinstance(origin_of(self.source), Simulated):
            raise ValueError(
                f"clicks {self.source!r}: an evaluation simulates them; label with those of a log"
            )

    @property
    def is_protocol(self) -> bool:
        """Whether the user of published figures clicks."""
        return self.source == SIMULATED or origin_of(self.source) == Simulated()

    def clicks(self) -> Clicks:
        """The clicks of the labelling run that the evaluation is."""
        return Clicks(
            self.source, max_clicks=self.max_clicks, target_iou="none" if self.full_curve else TARGET_IOU
        )


@dataclass(frozen=True)
class Robustness:
    """How the figures of an evaluation change with where people click."""

    robustness: Annotated[
        bool,
        Option("--robustness/--no-robustness"),
        Doc("Evaluate with drawn clicks too, and say how much worse they are: mfp report shows it."),
    ] = False
    draws: Annotated[int, Ge(1), Unit("n"), Doc("Drawn clicks for each object.")] = _DRAWS
    realistic_user: Annotated[
        str, Unit("user"), Doc("The simulated user that draws them; see `mfp users`.")
    ] = _REALISTIC

    def __post_init__(self) -> None:
        if not self.robustness and (self.draws, self.realistic_user) != (_DRAWS, _REALISTIC):
            raise ValueError(
                "draws and realistic_user are for robustness: ask for it too (--robustness), or leave them out"
            )
        if self.realistic_user == _REALISTIC:
            return
        origin = origin_of(f"{SIMULATED}:{self.realistic_user}")
        assert isinstance(origin, Simulated), "the source says so"
        if not is_random(origin.user):
            raise ValueError(
                f"realistic_user {self.realistic_user!r} makes no random draw: every draw would be the same; give "
                "another, such as distance-weighted"
            )


@dataclass(frozen=True)
class Decision:
    """When an evaluation ends before its last shard."""

    until_decided: Annotated[
        str | None,
        Option(metavar="RUN"),
        LOCATION,
        Doc(
            "End when NoC@90 is known to be better or worse than that of this finished run; see docs/comparison.md."
        ),
    ] = None
    margin: Annotated[
        float,
        Ge(0),
        Unit("clicks"),
        Doc("End also when NoC@90 is known to differ by no more than this; 0: only a difference decides."),
    ] = 0.0

    def __post_init__(self) -> None:
        if self.margin and self.until_decided is None:
            raise ValueError("margin is for until_decided: name a finished run too, or leave it out")


@dataclass(frozen=True, kw_only=True)
class EvaluateSpec:
    """One run of `mfp evaluate`: a labelling run with the clicks of a simulated user."""

    dataset: DatasetPlace
    out: RunPlace
    model: ModelChoice
    seed: Seed = 0
    limits: Limits = Limits()
    clicks: Annotated[Protocol, Section("Clicks")] = Protocol()
    start: StartSection = Start()
    robustness: Annotated[Robustness, Section("Robustness")] = Robustness()
    decision: Annotated[Decision, Section("Ending early"), Effect.EXECUTION] = Decision()
    workers: WorkersSection = Workers()
    network: NetworkSection = EngineSettings()
    calibration: Calibration = None
    storage: StorageSection = StorageOptions()

    def __post_init__(self) -> None:
        if self.robustness.robustness and self.decision.until_decided is not None:
            raise ValueError(
                "robustness with until_decided: drawn clicks are of all objects, and such an evaluation leaves some "
                "out; ask for one of them"
            )
        if self.robustness.robustness and self.model.training_run is not None:
            raise ValueError(
                f"robustness with model {self.model.name!r}: every draw must have the same model; give the file of one"
            )
        if self.robustness.robustness and not self.clicks.is_protocol:
            raise ValueError(
                f"robustness with clicks {self.clicks.source!r}: drawn clicks are set beside the protocol's; leave "
                "that user out, or name it as realistic_user"
            )

    def labelling(self) -> LabelSpec:
        """The labelling run that the evaluation is."""
        return LabelSpec(
            dataset=self.dataset,
            out=self.out,
            model=self.model,
            seed=self.seed,
            limits=self.limits,
            clicks=self.clicks.clicks(),
            start=self.start,
            workers=self.workers,
            network=self.network,
            calibration=self.calibration,
            storage=self.storage,
        )

"""All that a labelling run is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, Interval, Unit
from typing_extensions import Doc

from actors.specs.click_log import ClickLogSection, check_log_options
from actors.specs.clicks import BoxCentre, Clicks, Simulated
from actors.specs.marks import LOCATION, Argument, Option, Section
from actors.specs.model import ModelChoice
from actors.specs.places import absolute
from actors.specs.prefixed import MASKS
from actors.specs.start import Start, StartsFromBoxes, StartsFromDamage
from actors.specs.workers import Workers
from actors.working_size import WORKING_PIXELS
from infra.click_logs.options import ClickLogOptions
from infra.layout_options import LayoutOptions
from infra.storage.options import StorageOptions
from mfp.engine_settings import EngineSettings
from mfp.setting import Effect

DatasetPlace = Annotated[
    str,
    Argument("DATASET"),
    LOCATION,
    Effect.CONTENT,
    Doc("Folder or URL of shards: what `mfp shard` wrote, or Parquet shards."),
]
RunPlace = Annotated[
    str,
    Option(metavar="RUN"),
    LOCATION,
    Effect.EXECUTION,
    Doc("Run directory, a path or URL. Given again, the run goes on with what is not committed yet."),
]
NetworkSection = Annotated[EngineSettings, Section("Network")]
WorkersSection = Annotated[Workers, Section("Workers"), Effect.EXECUTION]
StorageSection = Annotated[
    StorageOptions,
    Section(
        "Storage",
        prefix="storage-",
        options={
            "endpoint": Option(metavar="URL", shown_default="AWS_ENDPOINT_URL"),
            "region": Option(shown_default="AWS_REGION"),
        },
    ),
    Effect.EXECUTION,
]
Calibration = Annotated[
    str | None,
    Option(metavar="FILE.json", panel="Network"),
    LOCATION,
    Effect.CONTENT,
    Doc(
        "What `mfp calibrate` wrote for the model: quality is then the IoU that masks like this one had, and "
        "--target-quality means it. Without it, the IoU that the probabilities expect."
    ),
]
StartSection = Annotated[Start, Section("Start")]
Seed = Annotated[int, Ge(0), Doc("Seed of the clicks that simulated users draw.")]


@dataclass(frozen=True)
class Limits:
    """What a run puts up with."""

    max_errors: Annotated[
        float,
        Interval(ge=0, le=1),
        Unit("fraction"),
        Effect.EXECUTION,
        Doc("End the run when more than this fraction of samples and objects is quarantined."),
    ] = 0.05
    working_pixels: Annotated[
        int,
        Ge(2**10),
        Option(panel="Network"),
        Doc("Larger images are worked on at 1/2, 1/4 or 1/8 of their size; masks keep that of the image."),
    ] = WORKING_PIXELS


@dataclass(frozen=True)
class Part:
    """Every `count`-th shard from the `index`-th on, counted from 0."""

    index: Annotated[int, Ge(0), Doc("Which of the parts to label, counted from 0.")] = 0
    count: Annotated[int, Ge(1), Doc("Parts that the shards are dealt to, in turn.")] = 1

    def __post_init__(self) -> None:
        if self.index >= self.count:
            raise ValueError(f"part {self.index} of {self.count}: parts are counted from 0")


@dataclass(frozen=True, kw_only=True)
class LabelSpec:
    """One run of `mfp label`: every object of a data set is clicked with a model.

    With `follow` newer models of the training run in `model` are taken as they are published; `follow_if_better` leaves
    those whose validated NoC@90 is not known to be lower.
    """

    dataset: DatasetPlace
    out: RunPlace
    model: ModelChoice
    # a panel of their own: the two names of each would leave the others no room in 80 columns
    follow: Annotated[
        bool,
        Option(panel="Following a training run"),
        Doc("With --model run://...: take newer models at the border of shards."),
    ] = False
    follow_if_better: Annotated[
        bool,
        Option(panel="Following a training run"),
        Doc("As --follow, but leave models whose validated NoC@90 is not known to be lower."),
    ] = False
    part: Annotated[Part, Section(hidden=frozenset({"index", "count"}))] = Part()
    seed: Seed = 0
    keep_reviewed: Annotated[
        str | None,
        LOCATION,
        Effect.CONTENT,
        Option(metavar="RUN", shown_default="nothing is taken over"),
        Doc(
            "Take over, as they are, the masks that people have accepted or corrected in this other run, with their "
            "reviews, and make all others. `mfp upgrade` does so."
        ),
    ] = None
    limits: Limits = Limits()
    clicks: Annotated[Clicks, Section("Clicks")] = Clicks()
    log: ClickLogSection = ClickLogOptions()
    start: StartSection = Start()
    workers: WorkersSection = Workers()
    network: NetworkSection = EngineSettings()
    calibration: Calibration = None
    storage: StorageSection = StorageOptions()

    def __post_init__(self) -> None:
        if not (isinstance(self.clicks, Clicks) and isinstance(self.start, Start)):
            return  # whoever takes the specification says what is wrong with its types
        if self.start.masks != LayoutOptions() and not (
            self.start.source.startswith(MASKS) or self.clicks.final_mask_places
        ):
            raise ValueError(
                f"settings of mask files with start {self.start.source!r}: no such files are read; leave them out"
            )
        if isinstance(self.clicks.origin, BoxCentre) and not isinstance(self.start.origin, StartsFromBoxes):
            raise ValueError(
                f"clicks {self.clicks.source!r} with start {self.start.source!r}: there are no boxes to click in; give "
                "--start boxes:URL"
            )
        if isinstance(self.start.origin, StartsFromDamage) and not isinstance(self.clicks.origin, Simulated):
            raise ValueError(
                f"start {self.start.source!r} with clicks {self.clicks.source!r}: damaged masks are for measuring; "
                "simulate the clicks"
            )
        check_log_options(self.clicks, self.log)
        if self.calibration is not None and self.follows:
            raise ValueError(
                f"calibration {self.calibration!r} with follow: it is of one model, and newer ones score otherwise; "
                "leave one of both out"
            )

    @property
    def follows(self) -> bool:
        """Whether newer models are taken while the run goes on."""
        return self.follow or self.follow_if_better

    def resolved(self) -> LabelSpec:
        """The same with absolute places, which hold wherever the files are seen, and with what `auto` stands for."""
        return replace(
            self,
            dataset=absolute(self.dataset),
            out=absolute(self.out),
            model=self.model.resolved(),
            follow=self.follows,
            clicks=self.clicks.resolved(),
            start=self.start.resolved(),
            keep_reviewed=None if self.keep_reviewed is None else absolute(self.keep_reviewed),
            calibration=None if self.calibration is None else absolute(self.calibration),
        )

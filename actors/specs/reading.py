"""Settings of the commands that read what others have made: report, compare, status, convert, check-model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Interval, Unit
from typing_extensions import Doc

from actors.specs.label import StorageSection
from actors.specs.marks import LOCATION, Argument, Option
from actors.specs.model import ModelChoice, ModelOptions, TrustModelCode
from infra.storage.options import StorageOptions

BenchmarkChoice: TypeAlias = Literal["auto", "none", "grabcut", "berkeley", "davis", "sbd"]

_FEWEST_COMPARED = 2


@dataclass(frozen=True, kw_only=True)
class ReportSpec:
    """One call of `mfp report`."""

    runs: Annotated[
        tuple[str, ...], Argument("RUN"), LOCATION, Doc("Run directories: what was given as --out.")
    ]
    html: Annotated[
        str | None,
        LOCATION,
        Option(metavar="FILE", shown_default="nothing is written"),
        Doc("Write one HTML page of the runs, a path or URL, and print no tables."),
    ] = None
    strips: Annotated[
        int,
        Interval(ge=0, le=20),
        Doc("Film strips on the page: N of the worst, the median and the best objects each, clicked again."),
    ] = 2
    benchmark: Annotated[
        BenchmarkChoice,
        Doc(
            "Whose published figures stand beside the run's. auto: of Berkeley or DAVIS if the images and masks are "
            "those, known by their content; name it for another copy."
        ),
    ] = "auto"
    trust_model_code: TrustModelCode = False
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
    fail_if_worse: Annotated[
        Annotated[float, Ge(0)] | Literal["off"],
        Unit("clicks"),
        Doc(
            "End with exit code 4 unless NoC@90 of each later run is shown to be worse than the first's by no "
            "more than this: the upper end of the 95 % interval decides, so one too small to tell fails."
        ),
    ] = "off"
    html: Annotated[
        str | None,
        LOCATION,
        Option(metavar="FILE", shown_default="nothing is written"),
        Doc("Write one HTML page of the comparison, a path or URL, and print no tables."),
    ] = None
    strips: Annotated[
        int,
        Interval(ge=0, le=20),
        Doc("Film strips on the page: the N objects that got most worse, clicked again as in both runs."),
    ] = 3
    trust_model_code: TrustModelCode = False
    storage: StorageSection = StorageOptions()

    def __post_init__(self) -> None:
        if self.fail_if_worse != "off" and isinstance(self.runs, tuple) and len(self.runs) < _FEWEST_COMPARED:
            raise ValueError(
                "fail_if_worse with one run: name the run that is the measure first, and then others"
            )


@dataclass(frozen=True, kw_only=True)
class ShowSpec:
    """One call of `mfp show`."""

    run: Annotated[str, Argument("RUN"), LOCATION, Doc("Run directory: what was given as --out.")]
    key: Annotated[str, Argument("KEY"), Doc("Sample key, as in the masks table.")]
    object_id: Annotated[
        str, Argument("OBJECT"), Doc("Object id; without it the objects of the sample, ten at most.")
    ] = ""
    out: Annotated[
        str,
        Option(metavar="FILE.png"),
        LOCATION,
        Doc("The PNG to write; - shows it in a terminal that can (kitty, iTerm2, WezTerm, Ghostty)."),
    ] = "strip.png"
    trust_model_code: TrustModelCode = False
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


@dataclass(frozen=True, kw_only=True)
class CheckModelSpec:
    """One call of `mfp check-model`."""

    name: Annotated[
        str,
        Argument("MODEL"),
        LOCATION,
        Doc("What `mfp label` takes as --model: a name of `mfp models`, a file, python:MODULE:FUNCTION."),
    ]
    options: ModelOptions = ()
    trust_model_code: TrustModelCode = False
    device: Annotated[Literal["cpu", "cuda"], Doc("What the model runs on.")] = "cpu"
    storage: StorageSection = StorageOptions()

    def __post_init__(self) -> None:
        self.model  # noqa: B018  # it raises

    @property
    def model(self) -> ModelChoice:
        """The model to check. ValueError if no model can have such a name or such an option."""
        return ModelChoice(self.name, options=self.options, trust_model_code=self.trust_model_code)

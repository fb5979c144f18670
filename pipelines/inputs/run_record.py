"""What the directory of a run keeps of its specification, and of the contents that the specification names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal, TypeAlias, TypeVar

from actors.specs.flywheel import FlywheelSpec
from actors.specs.label import LabelSpec
from actors.specs.leaves import leaves_of
from actors.specs.train import TrainSpec
from infra.errors import RunDirectoryError
from infra.runs.run_config import (
    FLYWHEEL_FILE,
    RUN_FILE,
    TRAINING_FILE,
    RunRequest,
    differences,
    is_absent,
    read_config,
)
from infra.storage.files import Storage, join
from infra.strict_json import from_json, to_json
from mfp.engine_settings import BackendChoice
from mfp.setting import Effect
from pipelines.inputs.package_version import version_of

_VERSIONED = ("mfp-pipeline", "torch", "timm", "ray")
_BACKEND = "spec.network.backend"


@dataclass(frozen=True, kw_only=True)
class DatasetContent:
    """The data of a run: the whole data set's fingerprint, and how many of its shards the run is of."""

    fingerprint: str
    num_shards: int


@dataclass(frozen=True, kw_only=True)
class OneModel:
    """The model of a run that follows none; `step` is that of the training run it is from, None if it is from none."""

    model_id: str
    step: int | None = None


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A model file by the identity of what is in it, wherever it lies."""

    model_id: str


@dataclass(frozen=True, kw_only=True)
class FollowedRun:
    """The training run whose models a run takes as they come."""

    run: str


@dataclass(frozen=True, kw_only=True)
class ClickLogContent:
    """The clicks of a log: SHA-256 of what they are, however they are spread over files."""

    fingerprint: str
    num_clicks: int


@dataclass(frozen=True, kw_only=True)
class StartsContent:
    """Masks or boxes: SHA-256 of what they are, however they are spread over files."""

    fingerprint: str
    num_objects: int


ClickContent: TypeAlias = ClickLogContent | str
"""Of a log, or the name of the simulated user; `box-centre` for clicks in boxes."""
ObjectStartContent: TypeAlias = StartsContent | Literal["nothing", "damaged"]


@dataclass(frozen=True, kw_only=True)
class GivenContent:
    """What is given of objects beside the data set: the contents behind the places that the specification names."""

    clicks: ClickContent
    start: ObjectStartContent = "nothing"
    final_masks: StartsContent | Literal["none"] = "none"


StartContent: TypeAlias = ModelFile | Literal["fresh"]


@dataclass(frozen=True, kw_only=True)
class LabelRecord:
    """`run.json`. `processor` is that of the machine that began the run; it decides the last bit of a map."""

    job: Literal["label"] = "label"
    spec: LabelSpec
    dataset: DatasetContent
    model: OneModel | FollowedRun
    given: GivenContent
    versions: Mapping[str, str]
    processor: str
    created: str


@dataclass(frozen=True, kw_only=True)
class TrainRecord:
    """`training.json`.

    Attributes:
        datasets: fingerprints.
        shares: those of their pools.
        start: the model file that the network began as, or "fresh": a new network.
    """

    job: Literal["train"] = "train"
    spec: TrainSpec
    datasets: tuple[str, ...]
    shares: tuple[float, ...]
    start: StartContent
    versions: Mapping[str, str]
    created: str


@dataclass(frozen=True, kw_only=True)
class FlywheelRecord:
    """`flywheel.json`: fingerprints of the data, and what else the specification names by its place."""

    job: Literal["flywheel"] = "flywheel"
    spec: FlywheelSpec
    unlabelled: str
    train_on: tuple[str, ...]
    evaluation: str
    model_id: str
    given: GivenContent
    versions: Mapping[str, str]
    created: str


Record: TypeAlias = LabelRecord | TrainRecord | FlywheelRecord
_RecordT = TypeVar("_RecordT", bound=LabelRecord | TrainRecord | FlywheelRecord)
_FILES: Mapping[type[Any], str] = {
    LabelRecord: RUN_FILE,
    TrainRecord: TRAINING_FILE,
    FlywheelRecord: FLYWHEEL_FILE,
}


def versions(backend: BackendChoice = "torch") -> dict[str, str]:
    """Of the packages that decide the last bit of a result, that of the backend among them if it is installed here."""
    found = {name: version(name) for name in _VERSIONED}
    if backend in ("onnxruntime", "openvino") and (installed := version_of(backend)):
        found[backend] = installed
    return found


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def request_of(record: Record, *, keeps_backend: bool = False) -> RunRequest:
    """What the directory of a run keeps. Only settings that decide rows are compared when the run goes on.

    With the backend `auto`, or `keeps_backend`, a run that is there keeps its own: nobody has asked for another.
    """
    by_effect: defaultdict[Effect, set[str]] = defaultdict(set)
    for leaf in leaves_of(type(record.spec)):
        by_effect[leaf.effect].add(f"spec.{leaf.name}")
    undecided = by_effect[Effect.CONTENT] | by_effect[Effect.EXECUTION]
    return RunRequest(
        file_of(type(record)),
        to_json(record),
        undecided
        | {"model.step", "versions", "processor", "created"}
        | ({_BACKEND} if keeps_backend or _is_auto(record) else set()),
        by_effect[Effect.CONTENT],
    )


def _is_auto(record: Record) -> bool:
    return not isinstance(record, TrainRecord) and record.spec.network.backend == "auto"


def file_of(kind: type[Any]) -> str:
    """The name of the file in a run's directory that holds such a record."""
    return next(file for known, file in _FILES.items() if issubclass(kind, known))


def read_record(kind: type[_RecordT], run_url: str, storage: Storage) -> _RecordT:
    """What a run was told.

    Raises:
        RunDirectoryError: there is no such run, or its file does not say what it should.

    """
    file = file_of(kind)
    document = read_config(storage, run_url, file)
    try:
        record = from_json(kind, document)
        absent = [name for name, there, _ in differences(document, to_json(record)) if is_absent(there)]
        if absent:
            raise ValueError(f"{', '.join(absent)}: is missing")
        return record
    except ValueError as error:
        raise RunDirectoryError(
            f"{join(run_url, file)} does not say how the run was made: {error}; restore the file"
        ) from None

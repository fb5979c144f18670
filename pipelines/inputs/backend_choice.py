"""Which backend runs the network of a run: chosen once, by the driver, before workers start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import torch

from actors.click_models.model_ref import ModelRef, Weights
from actors.specs.flywheel import FlywheelSpec
from actors.specs.label import LabelSpec
from infra.storage.files import Storage, join
from mfp.backends.registry import BACKENDS
from mfp.backends.trial import PRECISIONS, fastest
from mfp.engine_settings import BackendName, EngineSettings
from pipelines.errors import OptionError
from pipelines.inputs.backend_trials import tried
from pipelines.inputs.run_record import FlywheelRecord, LabelRecord, file_of, read_record

if TYPE_CHECKING:
    from actors.labelling.worker import WorkerResources

_TRIED: tuple[BackendName, ...] = ("onnxruntime", "openvino")
"""What `auto` may take beside torch. compile is not among them: every worker would compile for a minute first."""


@dataclass(frozen=True)
class ChosenBackend:
    """A backend, and a line for a person on why it was chosen; empty if somebody has named it."""

    name: BackendName
    notice: str = ""


SpecT = TypeVar("SpecT", LabelSpec, FlywheelSpec)


def run_by(spec: SpecT, backend: BackendName) -> SpecT:
    """A specification that names its backend."""
    return replace(spec, network=replace(spec.network, backend=backend))


def recorded_backend(
    run_url: str, storage: Storage, kind: type[LabelRecord] | type[FlywheelRecord] = LabelRecord
) -> BackendName | None:
    """The backend that a run was begun with; None if there is no run. RunDirectoryError if its file is damaged."""
    if not storage.exists(join(run_url, file_of(kind))):
        return None
    return read_record(kind, run_url, storage).spec.network.engine_backend


def choose_backend(
    settings: EngineSettings,
    model: ModelRef,
    workers: WorkerResources,
    run_url: str,
    recorded: BackendName | None,
) -> ChosenBackend:
    """The backend that the settings name. Of `auto` that which the run has, or the best of this machine.

    Workers are taken to be like this machine.

    Args:
        settings: of the run.
        model: that it begins with.
        workers: what each of them gets.
        run_url: its directory.
        recorded: what `recorded_backend` says of it.

    Raises:
        OptionError: the backend is not installed here, or does not run on the workers' device.
    """
    if settings.backend != "auto":
        if refusal := _refusal(settings.backend, settings, workers):
            raise OptionError(refusal)
        return ChosenBackend(settings.backend)
    if recorded is not None:
        if refusal := _refusal(recorded, settings, workers):
            raise OptionError(f"{run_url} was begun with backend {recorded}: {refusal} in another directory")
        return ChosenBackend(recorded)
    usable = [name for name in _TRIED if not _refusal(name, settings, workers)]
    if not usable or settings.precision not in PRECISIONS or not isinstance(model.origin, Weights):
        return ChosenBackend("torch")
    trials = tried(model, usable, settings, workers.num_threads)
    best = fastest(trials)
    if best.name == "torch":
        return ChosenBackend("torch")
    (by_torch,) = (trial for trial in trials if trial.name == "torch")
    return ChosenBackend(
        best.name,
        f"backend {best.name}: {1000 * best.seconds:.0f} ms for two crops, {1000 * by_torch.seconds:.0f} ms by torch",
    )


def _refusal(backend: BackendName, settings: EngineSettings, workers: WorkerResources) -> str:
    return BACKENDS[backend].refusal(torch.device(workers.device), settings.precision)

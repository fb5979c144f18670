"""What can be told of a command before it loads anything: mistyped names, files that are not there, a wrong directory.

The jobs check all of this again, and more; they need seconds to be imported.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.specs.clicks import ClickOrigin, Logged
from actors.specs.flywheel import FlywheelSpec
from actors.specs.label import LabelSpec
from actors.specs.model import ModelChoice
from actors.specs.prefixed import places_of
from actors.specs.reading import CheckModelSpec
from actors.specs.train import TrainSpec
from infra.errors import DatasetError, StorageError, missing_click_log, missing_start
from infra.runs.run_config import (
    FLYWHEEL_FILE,
    RUN_FILE,
    START_FILE,
    TRAINING_FILE,
    read_config,
    refuse_other_runs,
)
from infra.shards.shard_pattern import folder_and_pattern, is_pattern
from infra.storage.files import Storage, join
from mfp.errors import ModelError
from mfp.models.names import TRAINABLE_NAMES
from pipelines.inputs.dataset_mix import parse_mix
from pipelines.inputs.did_you_mean import did_you_mean
from pipelines.inputs.model_names import check_model_name, check_output_name
from pipelines.inputs.training_run import newest_published


def look_at_labelling(spec: LabelSpec) -> None:
    """Check what `mfp label` or `mfp evaluate` was given.

    Raises:
        PipelineError, InfraError, MfpError: one line that says what a person can do.

    """
    storage = Storage(spec.storage)
    _check_model(spec.model, storage)
    _check_training_run(spec, storage)
    _check_datasets([spec.dataset], storage)
    _check_click_log(spec.clicks.origin, storage)
    _check_masks(spec, storage)
    refuse_other_runs(storage, spec.out, RUN_FILE)


def look_at_training(spec: TrainSpec) -> None:
    """Check what `mfp train` was given. Raises as `look_at_labelling`."""
    if spec.recipe.model not in TRAINABLE_NAMES:
        raise ModelError(
            f"model {spec.recipe.model!r} cannot be trained by name"
            f"{did_you_mean(spec.recipe.model, TRAINABLE_NAMES)}: choose from {', '.join(TRAINABLE_NAMES)}, or give "
            "--recipe"
        )
    storage = Storage(spec.storage)
    own_start = join(spec.out, START_FILE)  # a run that has it goes on though the file is gone
    if spec.init is not None and not storage.exists(own_start) and _is_missing(spec.init, storage):
        raise StorageError(f"--init {spec.init}: there is no such file")
    _check_datasets((parse_mix(text).url for text in spec.datasets), storage)
    if spec.validation.dataset is not None:
        _check_datasets([spec.validation.dataset], storage)
    refuse_other_runs(storage, spec.out, TRAINING_FILE)


def look_at_flywheel(spec: FlywheelSpec) -> None:
    """Check what `mfp flywheel` was given. Raises as `look_at_labelling`."""
    storage = Storage(spec.storage)
    _check_model(spec.model, storage)
    _check_datasets([spec.unlabelled, *spec.train_on, spec.evaluation], storage)
    _check_click_log(spec.clicks.origin, storage)
    refuse_other_runs(storage, spec.out, FLYWHEEL_FILE)


def look_at_runs(runs: Iterable[str], storage: Storage) -> None:
    """Check that there are runs of `mfp label` or `mfp evaluate`. Raises as `look_at_labelling`."""
    for run in runs:
        read_config(storage, run)


def look_at_check(spec: CheckModelSpec) -> None:
    """Check what `mfp check-model` was given. Raises as `look_at_labelling`."""
    _check_model(spec.model, Storage(spec.storage))


def look_at_conversion(source: str, out: str) -> None:
    """Check what `mfp convert` was given. Raises as `look_at_labelling`."""
    check_output_name(out)
    if _is_missing(source, Storage()):
        raise StorageError(f"cannot read {source}: there is no such file")


def _check_model(model: ModelChoice, storage: Storage) -> None:
    if model.training_run is None:
        check_model_name(model, storage)


def _check_training_run(spec: LabelSpec, storage: Storage) -> None:
    """Refuse `run://` and a folder of this machine that is no training run, or has no model yet.

    A labelling run that goes on has a copy of its model, so that its training run may be gone.
    """
    training_run = spec.model.training_run
    if training_run is None or _is_remote(training_run) or storage.exists(join(spec.out, RUN_FILE)):
        return
    newest_published(training_run, storage)


def _check_datasets(locations: Iterable[str], storage: Storage) -> None:
    for location in locations:
        if _is_missing(location, storage):
            raise DatasetError(f"no data set at {location}: there is no such file or folder; see mfp shard")


def _check_click_log(origin: ClickOrigin, storage: Storage) -> None:
    if isinstance(origin, Logged) and _is_missing(origin.url, storage):
        raise missing_click_log(origin.url)


def _check_masks(spec: LabelSpec, storage: Storage) -> None:
    for place in (*places_of(spec.start.source), *spec.clicks.final_mask_places):
        if _is_missing(place, storage):
            raise missing_start(place)


def _is_missing(location: str, storage: Storage) -> bool:
    """Whether a path leads nowhere; URLs are left to the job, which asks their storage for more than that.

    What a pattern of shards matches is left to the job too, but the folder above it is known to be needed.
    """
    if _is_remote(location):
        return False
    if storage.exists(location) or storage.is_dir(location):
        return False
    return not is_pattern(location) or not storage.is_dir(folder_and_pattern(location)[0])


def _is_remote(location: str) -> bool:
    return "://" in location.removeprefix("file://")

"""What can be told of a command before it loads anything: mistyped names, files that are not there, a wrong directory.

The jobs check all of this again, and more; they need seconds to be imported.
"""

from __future__ import annotations

from collections.abc import Iterable

from infra.errors import DatasetError, StorageError, missing_click_log
from infra.runs.run_config import FLYWHEEL_FILE, RUN_FILE, TRAINING_FILE, read_config, refuse_other_runs
from infra.shards.shard_pattern import folder_and_pattern, is_pattern
from infra.storage.files import Storage, join
from mfp.errors import ModelError
from mfp.models.names import TRAINABLE_NAMES
from pipelines.errors import OptionError
from pipelines.inputs.dataset_mix import parse_mix
from pipelines.inputs.model_names import check_model_name, check_output_name, did_you_mean
from pipelines.inputs.recipe_names import check_recipe_name
from pipelines.inputs.training_run import newest_published, training_run_of
from pipelines.options import (
    LOGGED_CLICKS_PREFIX,
    SIMULATED_CLICKS,
    TRAINING_RUN_PREFIX,
    FlywheelOptions,
    LabelOptions,
    TrainOptions,
)


def look_at_labelling(options: LabelOptions) -> None:
    """Check what `mfp label` or `mfp evaluate` was given.

    Raises:
        PipelineError, InfraError, MfpError: one line that says what a person can do.

    """
    storage = Storage(options.storage)
    _check_model(options.model, storage)
    _check_training_run(options, storage)
    _check_datasets([options.dataset], storage)
    _check_click_log(options.clicks, storage)
    refuse_other_runs(storage, options.out, RUN_FILE)


def look_at_training(options: TrainOptions) -> None:
    """Check what `mfp train` was given. Raises as `look_at_labelling`."""
    if options.model is not None and options.model not in TRAINABLE_NAMES:
        raise ModelError(
            f"model {options.model!r} cannot be trained by name{did_you_mean(options.model, TRAINABLE_NAMES)}: choose "
            f"from {', '.join(TRAINABLE_NAMES)}, or give --recipe"
        )
    if options.recipe is not None:
        check_recipe_name(options.recipe)
    storage = Storage(options.storage)
    if options.init is not None and _is_missing(options.init, storage):
        raise StorageError(f"--init {options.init}: there is no such file")
    _check_datasets((parse_mix(text).url for text in options.datasets), storage)
    if options.validate is not None:
        _check_datasets([options.validate], storage)
    refuse_other_runs(storage, options.out, TRAINING_FILE)


def look_at_flywheel(options: FlywheelOptions) -> None:
    """Check what `mfp flywheel` was given. Raises as `look_at_labelling`."""
    storage = Storage(options.storage)
    if options.model.startswith(TRAINING_RUN_PREFIX):
        raise OptionError(
            f"--model {options.model}: a flywheel begins with one model: give a shipped one, or a file of that run's "
            "models/"
        )
    _check_model(options.model, storage)
    if options.recipe is not None:
        check_recipe_name(options.recipe)
    _check_datasets([options.unlabelled, *options.train_on, options.evaluation], storage)
    _check_click_log(options.clicks, storage)
    refuse_other_runs(storage, options.out, FLYWHEEL_FILE)


def look_at_runs(runs: Iterable[str], storage: Storage) -> None:
    """Check that there are runs of `mfp label` or `mfp evaluate`. Raises as `look_at_labelling`."""
    for run in runs:
        read_config(storage, run)


def look_at_conversion(source: str, out: str) -> None:
    """Check what `mfp convert` was given. Raises as `look_at_labelling`."""
    check_output_name(out)
    if _is_missing(source, Storage()):
        raise StorageError(f"cannot read {source}: there is no such file")


def _check_model(model: str, storage: Storage) -> None:
    if not model.startswith(TRAINING_RUN_PREFIX):
        check_model_name(model, storage)


def _check_training_run(options: LabelOptions, storage: Storage) -> None:
    """Refuse `run://` and a folder of this machine that is no training run, or has no model yet.

    A labelling run that goes on has a copy of its model, so that its training run may be gone.
    """
    training_run = training_run_of(options.model)
    if training_run is None or _is_remote(training_run) or storage.exists(join(options.out, RUN_FILE)):
        return
    newest_published(training_run, storage)


def _check_datasets(locations: Iterable[str], storage: Storage) -> None:
    for location in locations:
        if _is_missing(location, storage):
            raise DatasetError(f"no data set at {location}: there is no such file or folder; see mfp shard")


def _check_click_log(clicks: str, storage: Storage) -> None:
    location = clicks.removeprefix(LOGGED_CLICKS_PREFIX)
    if clicks != SIMULATED_CLICKS and _is_missing(location, storage):
        raise missing_click_log(location)


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

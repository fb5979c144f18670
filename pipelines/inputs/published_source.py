"""`--model run://URL`: the models of a training run, for a labelling run that begins or goes on.

A run that does not follow is done by one model from its first shard to its last: the newest when it began. One that
follows begins with the newest; with `--follow-if-better` it never goes back to a worse one, not even when it goes on
after an interruption.
"""

from __future__ import annotations

from actors.click_models.model_ref import ModelRef, Weights
from actors.labelling.model_feed import METRIC, check_id, is_better
from actors.specs.label import LabelSpec
from actors.specs.model import ModelChoice
from infra.errors import InfraError
from infra.published_models import PublishedModel, model_url, read_model
from infra.runs.run_config import RUN_FILE
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage, join
from infra.taken_models import taken_models
from mfp.errors import WeightsError
from mfp.model_file import model_id_of
from pipelines.errors import OptionError
from pipelines.inputs.run_record import LabelRecord, OneModel, read_record
from pipelines.inputs.training_run import newest_published


def find_published(
    spec: LabelSpec, training_url: str, storage: Storage
) -> tuple[ModelRef, PublishedModel | None]:
    """Find the model that the shards of a run are clicked by first, or, if it follows none, all of them.

    With what the training run says of it; None if the run that goes on has begun with it before.

    Raises:
        OptionError: there is no training run, nothing is published yet, or the model that the run began with is gone.
        PublishedModelError: the newest file is not the one that was published.
        WeightsError: it is no model file.
        StorageError: it cannot be read.

    """
    if not spec.follows and storage.exists(join(spec.out, RUN_FILE)):
        begun = read_record(LabelRecord, spec.out, storage).model
        if isinstance(begun, OneModel) and begun.step is not None:
            data = model_of_step(spec.out, training_url, begun.step, begun.model_id, storage)
            return ModelRef(spec.model.name, begun.model_id, Weights(data), begun.step), None
    model = _first(spec, training_url, storage)
    return _read(spec.model, model, training_url, storage), model


def find_newest(choice: ModelChoice, training_url: str, storage: Storage) -> ModelRef:
    """Find the newest model of a training run. Raises as `find_published`."""
    return _read(choice, newest_published(training_url, storage), training_url, storage)


def _read(choice: ModelChoice, model: PublishedModel, training_url: str, storage: Storage) -> ModelRef:
    data = read_model(storage, training_url, model)
    check_id(model, data)
    return ModelRef(choice.name, model.model_id, Weights(data), model.step)


def _first(spec: LabelSpec, training_url: str, storage: Storage) -> PublishedModel:
    published = newest_published(training_url, storage)
    if not spec.follow_if_better:
        return published
    taken = taken_models(storage, spec.out)
    if not taken or published == taken[-1] or is_better(published, taken[-1]):
        return published
    return _still_there(taken[-1], spec.out, training_url, storage)


def _still_there(model: PublishedModel, run_url: str, training_url: str, storage: Storage) -> PublishedModel:
    if storage.exists(model_url(training_url, model.step)):
        return model
    raise OptionError(
        f"{run_url} was clicked by the model of step {model.step}, which the newest of {training_url} is not known to "
        f"beat by {METRIC} and whose file is gone: put {model_url(training_url, model.step)} back, or label into "
        "another directory"
    )


def keep_model(run: RunDirectory, model: ModelRef) -> None:
    """Copy a published model into the run that is done by it: a training run keeps only its newest and its best."""
    if model.step is None:
        return
    url = model_url(run.url, model.step)
    if not run.storage.exists(url):
        run.storage.write_bytes(url, model.weights)


def model_of_step(run_url: str, training_url: str, step: int, model_id: str, storage: Storage) -> bytes:
    """Find the published model that a run was done by again: the run's own copy, or the training run's file.

    Raises:
        OptionError: neither is there, or both are another model by now.

    """
    urls = [model_url(url, step) for url in (run_url, training_url)]
    for url in urls:
        data = _model_at(url, model_id, storage)
        if data is not None:
            return data
    raise OptionError(
        f"{run_url} was begun with the model of step {step} ({model_id}), which is neither at {urls[0]} nor at "
        f"{urls[1]} any more: put the file back, name it with --model, or label into another directory"
    )


def _model_at(url: str, model_id: str, storage: Storage) -> bytes | None:
    """The bytes of a model file; None if there is none, or another."""
    try:
        data = storage.read_bytes(url)
        return data if model_id_of(data) == model_id else None
    except (InfraError, WeightsError):
        return None

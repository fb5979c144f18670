"""`--model run://URL`: which training run that is, and whether it is one that has published a model."""

from __future__ import annotations

from actors.specs.model import TRAINING_RUN_PREFIX
from infra.errors import RunDirectoryError
from infra.published_models import PublishedModel, newest
from infra.runs.run_config import TRAINING_FILE, read_config
from infra.storage.files import Storage
from pipelines.errors import OptionError


def newest_published(training_url: str, storage: Storage) -> PublishedModel:
    """Return the newest model of a training run.

    Raises:
        OptionError: there is no training run, or nothing was published there yet.
        PublishedModelError: the pointer to it is none.
        StorageError: it cannot be read.

    """
    published = newest(storage, training_url)
    if published is not None:
        return published
    model = f"--model {TRAINING_RUN_PREFIX}{training_url}"
    try:
        read_config(storage, training_url, TRAINING_FILE)
    except RunDirectoryError as error:
        raise OptionError(f"{model}: {error}") from None
    raise OptionError(
        f"{model}: nothing is published there yet; `mfp train` publishes at its checkpoints: wait for the first, or "
        "name a model file"
    )

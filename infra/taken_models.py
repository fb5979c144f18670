"""Which models a labelling run that follows a training run has used so far: `models.json` in its run directory."""

from __future__ import annotations

import json

from infra.errors import RunDirectoryError
from infra.published_models import PublishedModel
from infra.storage.files import Storage, join
from infra.strict_json import from_bytes, to_json

TAKEN_FILE = "models.json"


def taken_models(storage: Storage, run_url: str) -> list[PublishedModel]:
    """Return the models in the order in which they came into use; none for a run that follows nothing.

    Raises:
        RunDirectoryError: the file is none of this version.
        StorageError: it cannot be read.

    """
    url = join(run_url, TAKEN_FILE)
    if not storage.exists(url):
        return []
    try:
        return from_bytes(list[PublishedModel], storage.read_bytes(url))
    except ValueError as error:
        raise RunDirectoryError(
            f"{url} is no list of models ({error}): delete it to follow on from the newest model"
        ) from None


def add_taken(storage: Storage, run_url: str, model: PublishedModel) -> None:
    """Note that shards are clicked by `model` from now on; StorageError if that cannot be written."""
    taken = taken_models(storage, run_url)
    if taken and taken[-1] == model:
        return
    entries = [to_json(entry) for entry in [*taken, model]]
    storage.write_bytes(join(run_url, TAKEN_FILE), json.dumps(entries, indent=1).encode())

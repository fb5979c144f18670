"""The models that a training run has published: files by step, and a pointer to the newest.

The file is written first, then the pointer is replaced in one step. Whoever reads the pointer finds a whole model
behind it; a training job that dies in between leaves the earlier pointer in force.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from annotated_types import Ge
from pydantic import AwareDatetime

from infra.errors import PublishedModelError
from infra.storage.files import Storage, join
from infra.strict_json import from_bytes, to_bytes

MODELS_FOLDER = "models"
POINTER_FILE = "latest.json"


@dataclass(frozen=True)
class PublishedModel:
    """What the pointer says of a model.

    `file` is its path relative to the run directory, `step` the training steps it has seen, `metrics` what a validation
    measured of it (`noc90` in clicks, `mean_iou_5` in [0, 1], ...; empty if there was none).
    """

    step: Annotated[int, Ge(0)]
    file: str
    num_bytes: Annotated[int, Ge(0)]
    sha256: str
    model_id: str
    metrics: Mapping[str, float]
    published: AwareDatetime

    def __post_init__(self) -> None:
        if self.file != _file_of(self.step):  # whoever reads the model stays in the run directory
            raise ValueError(f"file {self.file!r} is not that of step {self.step}")


def model_url(run_url: str, step: int) -> str:
    """Return where the model of a step lies."""
    return join(run_url, _file_of(step))


def publish(
    storage: Storage, run_url: str, step: int, data: bytes, model_id: str, metrics: Mapping[str, float]
) -> PublishedModel:
    """Write the model of a step and make it the newest.

    A metric that is not a finite number is left out: it compares with nothing.

    Raises:
        StorageError: one of both could not be written; the earlier pointer is in force then.

    """
    finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
    digest = hashlib.sha256(data).hexdigest()
    model = PublishedModel(step, _file_of(step), len(data), digest, model_id, finite, datetime.now(UTC))
    storage.write_bytes(join(run_url, model.file), data)
    storage.write_bytes(_pointer_url(run_url), to_bytes(model))
    return model


def newest(storage: Storage, run_url: str) -> PublishedModel | None:
    """Return what the pointer of a training run says; None if nothing was published yet.

    Raises:
        PublishedModelError: the pointer is none of this version.
        StorageError: it cannot be read.

    """
    url = _pointer_url(run_url)
    if not storage.exists(url):
        return None
    try:
        return from_bytes(PublishedModel, storage.read_bytes(url))
    except ValueError as error:
        raise PublishedModelError(
            f"{url} is no pointer to a model ({error}): train on to have it written anew, or name a file with --model"
        ) from None


def read_model(storage: Storage, run_url: str, model: PublishedModel) -> bytes:
    """Return the bytes of a published model.

    Raises:
        PublishedModelError: the file is not the one that was published: half written, or written again since.
        StorageError: it cannot be read.

    """
    url = join(run_url, model.file)
    data = storage.read_bytes(url)
    if hashlib.sha256(data).hexdigest() != model.sha256:
        raise PublishedModelError(
            f"{url} ({len(data)} bytes) is not the model that was published as step {model.step} ({model.num_bytes} "
            "bytes): wait for the next one, or name a model file with --model"
        )
    return data


def _file_of(step: int) -> str:
    return f"{MODELS_FOLDER}/{step:08d}.safetensors"


def _pointer_url(run_url: str) -> str:
    return join(run_url, MODELS_FOLDER, POINTER_FILE)

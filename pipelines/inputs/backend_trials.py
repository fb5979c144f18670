"""Trials of backends on this machine, each made once.

They lie in the folder that the variable MFP_CACHE names, else below the user's own for such files, or, of a user who
has no home, below that for temporary ones.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from actors.click_models.model_ref import ModelRef
from infra.errors import StorageError
from infra.storage.files import Storage
from infra.strict_json import from_bytes, to_bytes
from mfp.backends.trial import Trial, try_backends
from mfp.engine_settings import BackendName, EngineSettings
from mfp.model_file import model_from_bytes
from pipelines.inputs.package_version import version_of
from pipelines.inputs.processor import processor

logger = logging.getLogger(__name__)

_ALWAYS_THERE = ("mfp-pipeline", "torch")


@dataclass(frozen=True, kw_only=True)
class _Trials:
    """A file of the cache: what was tried, so that a person can read it, and what came out."""

    of: Mapping[str, str]
    trials: tuple[Trial, ...]


def tried(
    model: ModelRef, names: Sequence[BackendName], settings: EngineSettings, num_threads: int
) -> tuple[Trial, ...]:
    """Trials of torch and these backends, made now if this machine has not made them before.

    Another model, crop size, precision, number of threads, processor or version of a package is tried anew.

    Args:
        model: with weights.
        names: others than torch, all of them installed.
        settings: of the run, with a precision that is tried (`mfp.backends.trial.PRECISIONS`).
        num_threads: of a worker.
    """
    of = {
        "model": model.identity,
        "zoom_size": str(settings.zoom_size),
        "precision": settings.precision,
        "threads": str(num_threads),
        "processor": processor(),
    } | {name: version_of(name) for name in (*_ALWAYS_THERE, *names)}
    url, storage = _url_of(of), Storage()
    try:
        return _checked(from_bytes(_Trials, storage.read_bytes(url)), of)
    except (StorageError, ValueError):
        pass  # never tried, or damaged
    trials = _try(model, names, settings, num_threads)
    try:
        storage.write_bytes(url, to_bytes(_Trials(of=of, trials=trials)))
    except StorageError as error:
        logger.warning("backends are tried again next time: %s", error)
    return trials


def _checked(found: _Trials, of: Mapping[str, str]) -> tuple[Trial, ...]:
    """ValueError if these are no trials of that, or torch's, which the others are compared with, is not there once."""
    if found.of != of or [trial.name for trial in found.trials].count("torch") != 1:
        raise ValueError("trials of something else")
    return found.trials


def _url_of(of: Mapping[str, str]) -> str:
    name = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]
    return str(_cache() / "backends" / f"{name}.json")


def _cache() -> Path:
    if own := os.environ.get("MFP_CACHE"):
        return Path(own)
    if of_user := os.environ.get("XDG_CACHE_HOME"):
        return Path(of_user) / "mfp"
    try:
        return Path.home() / ".cache" / "mfp"
    except RuntimeError:  # a user whom the system does not know, as in a container that runs under any number
        return Path(tempfile.gettempdir()) / "mfp"


def _try(
    model: ModelRef, names: Sequence[BackendName], settings: EngineSettings, num_threads: int
) -> tuple[Trial, ...]:
    with _threads(num_threads):
        network = model_from_bytes(model.weights).network.for_inference(torch.device("cpu"))
        zoom_size = network.zoom_size if settings.zoom_size == "model" else settings.zoom_size
        return try_backends(network, names, zoom_size, settings.precision)


@contextmanager
def _threads(num_threads: int) -> Iterator[None]:
    """As a worker has them, inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""Which model the next shard is clicked by: always the same one, or the newest that a training run has published."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from actors.click_models.model_ref import ModelRef, Weights
from infra.errors import PublishedModelError, StorageError
from infra.published_models import PublishedModel, model_url, newest, read_model
from infra.storage.files import Storage
from mfp.errors import WeightsError
from mfp.model_file import model_from_bytes, model_id_of

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0  # between two looks at the pointer
METRIC = "noc90"  # clicks, so lower is better; what a validation of `mfp train` is judged by


class ModelFeed(Protocol):
    """Asked at every hand-out of a shard."""

    def newest(self) -> ModelRef:
        """The model for the shard that goes out now."""


@dataclass(frozen=True)
class FixedModel:
    """A feed that never changes."""

    model: ModelRef

    def newest(self) -> ModelRef:
        """The one model there is."""
        return self.model


def is_better(candidate: PublishedModel, present: PublishedModel) -> bool:
    """Whether a model is known to need fewer clicks than the present one; without a figure nothing is known."""
    figure, to_beat = candidate.metrics.get(METRIC), present.metrics.get(METRIC)
    return figure is not None and (to_beat is None or figure < to_beat)


class FollowedModels:
    """The newest model of a training run; the pointer is read at most every few seconds.

    A pointer that leads to no whole model, and a storage that does not answer, leave the present model in use:
    labelling goes on, and the next look may find it whole.
    """

    def __init__(
        self,
        storage: Storage,
        training_url: str,
        first: PublishedModel,
        data: bytes,
        *,
        if_better: bool = False,
        on_taken: Callable[[PublishedModel], None] = lambda _: None,
    ) -> None:
        """Begin with `first`, whose file holds `data`.

        Args:
            storage: reads the training run.
            training_url: its directory.
            first: the model to begin with.
            data: its bytes.
            if_better: leave models that `is_better` does not prefer.
            on_taken: told of every newer model before it is handed out.

        """
        self._storage = storage
        self._training_url = training_url
        self._present = first
        self._model = _ref(first, data)
        self._if_better = if_better
        self._on_taken = on_taken
        self._looked = float("-inf")
        self._left: PublishedModel | None = None  # seen and not taken: not looked into again

    def newest(self) -> ModelRef:
        """The newest whole model, as of the last look."""
        now = time.monotonic()
        if now - self._looked >= POLL_SECONDS:
            self._look()
            self._looked = time.monotonic()
        return self._model

    def _look(self) -> None:
        try:
            candidate = newest(self._storage, self._training_url)
            if candidate is not None and candidate not in (self._present, self._left):
                self._consider(candidate)
        except (StorageError, PublishedModelError) as error:
            logger.warning("no newer model this time: %s", error)

    def _consider(self, candidate: PublishedModel) -> None:
        if self._if_better and not is_better(candidate, self._present):
            self._leave(candidate, f"its {METRIC} is not known to be lower than at step {self._present.step}")
            return
        if not self._has_arrived(candidate):
            return
        try:
            data = read_model(self._storage, self._training_url, candidate)
            _check_builds(candidate, data)
        except (PublishedModelError, WeightsError) as error:
            self._leave(candidate, str(error))
            return
        self._on_taken(candidate)
        self._present = candidate
        self._model = _ref(candidate, data)
        logger.info("the model of step %d (%s) is taken from now on", candidate.step, candidate.model_id)

    def _has_arrived(self, candidate: PublishedModel) -> bool:
        """Whether the file has its size: while a run directory is being copied, the pointer may come first."""
        url = model_url(self._training_url, candidate.step)
        return self._storage.exists(url) and self._storage.size(url) == candidate.num_bytes

    def _leave(self, candidate: PublishedModel, reason: str) -> None:
        self._left = candidate
        logger.warning("the model of step %d is not taken: %s", candidate.step, reason)


def _ref(model: PublishedModel, data: bytes) -> ModelRef:
    return ModelRef(model.file, model.model_id, Weights(data), model.step)


def check_id(model: PublishedModel, data: bytes) -> None:
    """WeightsError if the bytes are no model file, or that of a model with another id than the pointer says."""
    found = model_id_of(data)
    if found != model.model_id:
        raise WeightsError(f"{model.file}: the pointer names it {model.model_id}, its content is {found}")


def _check_builds(model: PublishedModel, data: bytes) -> None:
    """Build a model once, so that one that workers could not use shows here. Raises WeightsError."""
    check_id(model, data)
    model_from_bytes(data)

"""The port of click models: what the engine asks of one, whoever wrote it.

There are two levels. A `CropModel` maps crops to logits, in batches; the engine does the rest: regions, resizing, the
mirrored image, the map between clicks. A `SessionModel` does all of that itself: it takes an image and the clicks so
far and gives the map of the whole image. A class needs to inherit from neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mfp.clicks import Click


@dataclass(frozen=True, kw_only=True)
class ModelTraits:
    """What a click model says of itself.

    Attributes:
        name: for people.
        identity: changes with everything that changes a result and is not an argument of the call: weights, settings,
            the version of the code. Rows carry it; a run goes on only with a model of the same identity.
        threshold: a pixel belongs to the object if its probability is larger, in [0, 1].
        keeps_outside: probabilities outside the region of a click keep their values; else they become 0. Session
            models answer for the whole image, so that it says nothing of them.
        starts_from_mask: the previous map may come from elsewhere, such as a mask or a box, and not from this model.
        is_deterministic: a result depends on nothing but its own session: not on the batch, the order or chance.
    """

    name: str
    identity: str
    threshold: float = 0.5
    keeps_outside: bool = True
    starts_from_mask: bool = False
    is_deterministic: bool = True


@dataclass(frozen=True)
class CropBatch:
    """One pass over crops of one size.

    Attributes:
        image: (B, 3, H, W) float, RGB in [0, 1], not normalised.
        prob: (B, 1, H, W) float, previous map in [0, 1]; zeros in a row without one.
        has_prob: B times whether the row has a previous map.
        clicks: B non-empty click sequences in the order they were made, (y, x) in pixels of the crop.
        features: B times what `prepare` returned for the row's image; None from a model that prepares nothing.
    """

    image: Tensor
    prob: Tensor
    has_prob: Sequence[bool]
    clicks: Sequence[Sequence[Click]]
    features: Sequence[Any]


@runtime_checkable
class CropModel(Protocol):
    """A model of crops. `prepare` and `predict` are called from one thread, under `torch.inference_mode`.

    What they are given is the engine's: they may keep it, but not change it.
    """

    @property
    def traits(self) -> ModelTraits:
        """What it says of itself; the same for its whole life."""

    @property
    def zoom_size(self) -> int:
        """The target of zoom-in that it was made for, in pixels of the crop."""

    @property
    def prepares(self) -> bool:
        """Whether `prepare` returns features that are worth keeping while a session's region stays."""

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        """The (height, width) to which a region of so many image pixels is resized.

        Raises:
            ImageSizeError: it takes no crops of that `zoom_size`.

        """

    def for_inference(self, device: torch.device) -> CropModel:
        """The same function on a device, in the form that runs fastest there; `self` or a copy."""

    def prepare(self, image: Tensor) -> Any:
        """What of the answer depends on the image alone; (1, 3, H, W) float, RGB in [0, 1].

        Sessions on one image whose regions are the same are given the same features. With flip the mirrored crop has
        features of its own.
        """

    def predict(self, batch: CropBatch) -> Tensor:
        """(B, 1, H, W) float logits after the newest click of every row."""


Image: TypeAlias = npt.NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class SessionTurn:
    """One session's turn.

    Attributes:
        state: what `SessionModel.begin` returned; the model may change it.
        clicks: all of the session with the newest last, (y, x) in image pixels. Most turns bring one more than the turn
            before.
    """

    state: Any
    clicks: Sequence[Click]


@runtime_checkable
class SessionModel(Protocol):
    """A model that holds sessions itself. Its methods are called from one thread, under `torch.no_grad`.

    The image is the caller's: it must not be changed.
    """

    @property
    def traits(self) -> ModelTraits:
        """What it says of itself; the same for its whole life."""

    @property
    def max_sessions(self) -> int:
        """Sessions that `predict` takes at once; 1 for most."""

    def for_inference(self, device: torch.device) -> SessionModel:
        """The same model on a device; `self` or a copy."""

    def prepare(self, image: Image) -> Any:
        """What all objects of an image share, such as its features; None if that is nothing.

        The engine calls it once for an image as long as sessions on it follow one another, and keeps the result of a
        few images.

        Raises:
            ImageSizeError: the model takes no image of that size. Its sessions are set aside, and the run goes on.

        """

    def begin(self, image: Image, shared: Any) -> Any:
        """The state of a new session on an image; `shared` is what `prepare` returned for it.

        Raises:
            ImageSizeError: as in `prepare`.

        """

    def predict(self, turns: Sequence[SessionTurn]) -> list[npt.NDArray[np.float32]]:
        """(H, W) float32 probabilities in [0, 1] of the whole image for every turn, after its newest clicks.

        For each session it is called once after every look, in order, and never again for the same click: an error,
        running out of memory among them, ends the run. A look has one new click, or several that were made in a row.
        """


@runtime_checkable
class MaskStartingModel(Protocol):
    """What a session model has besides if its traits say `starts_from_mask`."""

    def begin_from_mask(self, image: Image, shared: Any, prob: npt.NDArray[np.float32]) -> Any:
        """As `SessionModel.begin`, of a session whose map before its first click is `prob`, (H, W) in [0, 1]."""


ClickModel: TypeAlias = CropModel | SessionModel

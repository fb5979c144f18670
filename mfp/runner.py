"""What the engine asks of whatever runs a click model: one interface for models of crops and of whole sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from mfp.click_model import Image, ModelTraits
from mfp.clicks import Click
from mfp.errors import ClickModelError, StartError
from mfp.places import Places
from mfp.region import Region, ZoomSettings
from mfp.session_state import RegionMasks
from mfp.start import FROM_NOTHING, FromMask, Start
from mfp.stopwatch import Stopwatch

OpenT = TypeVar("OpenT")
OpenT_contra = TypeVar("OpenT_contra", contravariant=True)
KeyT = TypeVar("KeyT")


@dataclass(frozen=True)
class Request(Generic[OpenT]):
    """One session's turn.

    Attributes:
        session: what `Runner.open` returned for it.
        region: where to look for the newest click.
        clicks: all of the session with the newest last, (y, x) in image pixels.
        num_new: how many of them are new since the session's last turn.
        is_local: only the parts of the mask change that hold a new click; see `mfp.local_change`.
        excluded: (H, W) bool, pixels that are never the object's; None: there are none.
    """

    session: OpenT
    region: Region
    clicks: Sequence[Click]
    num_new: int = 1
    is_local: bool = False
    excluded: npt.NDArray[np.bool_] | None = None


class Launched(Protocol):
    """A batch that was handed to the model; its device may still be at work on it."""

    def collect(self) -> list[RegionMasks]:
        """Wait for the answers: the masks of every request's region, in the order of the requests. Called once.

        It takes no memory of the device: a batch that finds none says so when it is launched.

        Raises:
            ClickModelError: the model's answer cannot be used: its shape, type or range is wrong.
        """


@dataclass(frozen=True)
class Answered:
    """A batch whose answers were there when it was launched, as they are wherever the device is the host itself."""

    masks: list[RegionMasks]

    def collect(self) -> list[RegionMasks]:
        """See Launched."""
        return self.masks


class Runner(Protocol[OpenT, KeyT]):
    """A click model on its device, with what surrounds it. `OpenT` is a session under way, `KeyT` a batch key."""

    @property
    def traits(self) -> ModelTraits:
        """Those of the model."""

    @property
    def zoom(self) -> ZoomSettings | None:
        """How regions are chosen; None: the region is always the whole image."""

    @property
    def places(self) -> Places:
        """How many sessions to keep in flight, how many of them `launch` takes, and how many batches may be away."""

    @property
    def network(self) -> Stopwatch:
        """Runs while the model is at work: what it prepares, and its passes until their answers are there.

        With a device that works beside the host it counts the host's time: to hand over the work, and to wait for it.
        """

    @property
    def can_repeat(self) -> bool:
        """Whether requests may be made again after `launch` ran out of memory on them."""

    def open(self, image: Image, start: Start = FROM_NOTHING) -> OpenT:
        """Begin a session on an image. Sessions on one image pass the same array, so that they share what they can.

        Raises:
            ImageSizeError: the model does not take an image of that size.
            StartError: the model does not start from a mask.

        """

    def batch_key(self, region: Region) -> KeyT:
        """Requests whose regions have the same key may be predicted together."""

    def launch(self, requests: Sequence[Request[OpenT]], key: KeyT) -> Launched:
        """Take the newest clicks of every request into its session; the answers are collected later.

        Until then no other batch holds one of the sessions.

        Raises:
            ClickModelError: as `Launched.collect`, if the answers are there already.
        """

    def predict(self, requests: Sequence[Request[OpenT]], key: KeyT) -> list[RegionMasks]:
        """Launch and collect at once."""

    def probabilities(self, session: OpenT) -> npt.NDArray[np.float32]:
        """(H, W) float32 in [0, 1], the map after the newest click that was collected."""


def check_starts_from_mask(traits: ModelTraits) -> None:
    """Raise StartError if the model makes its first map itself."""
    if not traits.starts_from_mask:
        raise StartError(
            f"click model {traits.name} does not start from a mask: start from nothing or from boxes, or take a model "
            "whose traits say starts_from_mask"
        )


def check_confidence(traits: ModelTraits, start: FromMask) -> None:
    """Raise StartError if the model's threshold would not show the mask that a session starts from."""
    if not 1 - start.confidence < traits.threshold < start.confidence:
        raise StartError(
            f"click model {traits.name} has the threshold {traits.threshold:g}, and a mask is given with probabilities "
            f"of {start.confidence:g} and {1 - start.confidence:g}: start from nothing or from boxes"
        )


def lacks_begin_from_mask(traits: ModelTraits) -> ClickModelError:
    """The error of a session model whose traits promise more than it has."""
    return ClickModelError(
        f"click model {traits.name} says starts_from_mask, and has no method begin_from_mask (mfp/click_model.py): "
        "write one, or leave that trait out"
    )

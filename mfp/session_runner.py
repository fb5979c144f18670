"""Runs a model that holds sessions itself: the whole image, no zoom, no mirror image, no crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mfp.answers import check_map_values, check_maps_form
from mfp.backends.registry import check_backend
from mfp.batch_size import USUAL_BATCH_SIZE
from mfp.click_model import Image, MaskStartingModel, ModelTraits, SessionModel, SessionTurn
from mfp.device import check_device
from mfp.engine_settings import EngineSettings
from mfp.errors import ClickModelError
from mfp.local_change import changed_part
from mfp.mask_signals import PixelSums, ShiftedThresholds
from mfp.per_image import Kept, PerImage
from mfp.places import Places
from mfp.region import Region
from mfp.runner import Answered, Request, check_confidence, check_starts_from_mask, lacks_begin_from_mask
from mfp.session_state import RegionMasks
from mfp.start import FROM_NOTHING, FromMask, FromNothing, Start
from mfp.stopwatch import Stopwatch

_NUM_NEWEST_IMAGES = 2  # whose shared part is kept although no session on them is in flight


@dataclass(eq=False)
class OpenTurns:
    """A session under way.

    Attributes:
        image: of the session.
        shared: what the model made for all sessions on the image; held here, so that later ones find it.
        state: the model's own.
        prob: (H, W) float32, its newest answer; zeros before the first.
    """

    image: Image
    shared: Kept[Any]
    state: Any
    prob: npt.NDArray[np.float32]


class SessionRunner:
    """A session model as the engine sees it. See `Runner`."""

    can_repeat = False  # the model may have taken the click into its state before it raised
    zoom = None

    def __init__(self, model: SessionModel, settings: EngineSettings, device: str) -> None:
        """Put the model on the device (`cpu`, `cuda`, `cuda:1`). Of the settings only `batch_size` counts.

        Raises:
            BackendError: another backend than torch is asked for.
            DeviceError: there is no GPU.
            ClickModelError: its `max_sessions` is below 1, or it lacks the `begin_from_mask` that its traits promise.
        """
        check_backend(settings.engine_backend, model, torch.device(device), settings.precision)
        check_device(torch.device(device))
        self.model = model.for_inference(torch.device(device))
        self.traits: ModelTraits = self.model.traits
        self.network = Stopwatch()
        self._shifted = ShiftedThresholds.about(self.traits.threshold)
        if self.model.max_sessions < 1:
            raise ClickModelError(
                f"click model {self.traits.name} takes {self.model.max_sessions} sessions at once: must be 1 or more"
            )
        if self.traits.starts_from_mask and not isinstance(self.model, MaskStartingModel):
            raise lacks_begin_from_mask(self.traits)
        batch_size = USUAL_BATCH_SIZE if settings.batch_size == "auto" else settings.batch_size
        self.places = Places.of_sessions(batch_size, self.model.max_sessions)
        self._shared: PerImage[Any] = PerImage(self.model.prepare, _NUM_NEWEST_IMAGES)

    @torch.no_grad()
    def open(self, image: Image, start: Start = FROM_NOTHING) -> OpenTurns:
        """See Runner."""
        with self.network.running():
            shared = self._shared.of(image)
        if isinstance(start, FromMask):
            check_starts_from_mask(self.traits)
            check_confidence(self.traits, start)
        if not isinstance(start, FromNothing) and self.traits.starts_from_mask:
            assert isinstance(self.model, MaskStartingModel), "checked when the runner was made"
            prob = start.probabilities(*image.shape[:2])
            with self.network.running():
                state = self.model.begin_from_mask(image, shared.value, prob.copy())
            return OpenTurns(image, shared, state, prob)
        with self.network.running():
            state = self.model.begin(image, shared.value)
        return OpenTurns(image, shared, state, np.zeros(image.shape[:2], np.float32))

    def batch_key(self, region: Region) -> tuple[()]:
        """See Runner: any sessions go together."""
        return ()

    @torch.no_grad()
    def launch(self, requests: Sequence[Request[OpenTurns]], key: tuple[()]) -> Answered:
        """See Runner: a session model answers with arrays on the host, so that there is nothing left to wait for."""
        sessions = [request.session for request in requests]
        with self.network.running():
            maps = self.model.predict([SessionTurn(one.session.state, tuple(one.clicks)) for one in requests])
        check_maps_form(self.traits.name, maps, [session.image for session in sessions])
        for prob in maps:
            check_map_values(self.traits.name, prob)
        masks: list[RegionMasks] = []
        for request, prob in zip(requests, maps, strict=True):
            request.session.prob = self._within_limits(request, prob)
            mask = request.session.prob > np.float32(self.traits.threshold)
            sums = PixelSums.of(request.session.prob, mask, self._shifted)
            masks.append(RegionMasks(mask, mask, sums.signals(flip_agreement=None)))
        return Answered(masks)

    def predict(self, requests: Sequence[Request[OpenTurns]], key: tuple[()]) -> list[RegionMasks]:
        """See Runner."""
        return self.launch(requests, key).collect()

    def _within_limits(
        self, request: Request[OpenTurns], prob: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """The (H, W) map, with that of before where the answer does not count; an array of its own.

        The model keeps its own map of the session: it does not hear of what did not count.
        """
        prob = prob.copy()  # the model may use the array again
        if request.excluded is not None:
            prob[request.excluded] = 0.0
        if not request.is_local:
            return prob
        before, threshold = request.session.prob, np.float32(self.traits.threshold)
        pixels = [click.pixel for click in request.clicks[-request.num_new :]]
        return np.where(changed_part(before > threshold, prob > threshold, pixels), prob, before)

    def probabilities(self, session: OpenTurns) -> npt.NDArray[np.float32]:
        """See Runner."""
        return session.prob

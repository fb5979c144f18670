"""A model whose device is the host itself: nothing is copied, and there is nothing to wait for."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mfp.answers import check_finite
from mfp.click_model import ModelTraits
from mfp.exchange import ZOOM_THRESHOLD, Answer
from mfp.image_crops import HostCrops
from mfp.local_change import changed_part
from mfp.mask_signals import PixelSums, ShiftedThresholds, agreement
from mfp.runner import Answered
from mfp.session_maps import SessionMaps
from mfp.session_state import RegionMasks


class HostExchange:
    """See `Exchange`."""

    is_one_memory = True

    def __init__(self, traits: ModelTraits) -> None:
        self._name = traits.name
        self._threshold = traits.threshold
        self._shifted = ShiftedThresholds.about(traits.threshold)

    def image_crops(self) -> HostCrops:
        """See Exchange."""
        return HostCrops()

    def tensor(self, array: npt.NDArray[Any]) -> Tensor:
        """See Exchange."""
        return torch.from_numpy(np.ascontiguousarray(array))

    def take(self, answers: list[Answer], is_finite: Tensor) -> Answered:
        """See Exchange."""
        check_finite(self._name, bool(is_finite))
        probs = [self._within_limits(answer) for answer in answers]
        masks = [self._masks(answer, prob) for answer, prob in zip(answers, probs, strict=True)]
        rooms = [answer.maps.room(keeps_outside=answer.keeps_outside) for answer in answers]
        for answer, prob, room in zip(answers, probs, rooms, strict=True):
            answer.maps.paste(answer.region, torch.from_numpy(prob), room)
        return Answered(masks)

    def probabilities(self, maps: SessionMaps) -> npt.NDArray[np.float32]:
        """See Exchange."""
        return np.zeros(maps.size, np.float32) if maps.prob is None else maps.prob.numpy()

    def _within_limits(self, answer: Answer) -> npt.NDArray[np.float32]:
        """The (h, w) probabilities of a region, with those of before where the answer does not count."""
        prob: npt.NDArray[np.float32] = answer.prob.numpy()
        if not answer.is_local:
            return prob
        before = answer.maps.window(answer.region).numpy()
        part = changed_part(
            before > np.float32(self._threshold), prob > np.float32(self._threshold), answer.pixels
        )
        return np.where(part, prob, before)

    def _masks(self, answer: Answer, prob: npt.NDArray[np.float32]) -> RegionMasks:
        mask = prob > np.float32(self._threshold)
        zoom_mask = mask if self._threshold == ZOOM_THRESHOLD else prob > np.float32(ZOOM_THRESHOLD)
        halves = None if answer.halves is None else agreement(*answer.halves.tolist())
        sums = PixelSums.of(prob, mask, self._shifted)
        return RegionMasks(mask, zoom_mask, sums.signals(halves), answer.keeps_outside)

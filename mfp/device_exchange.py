"""A model on a device that works beside the host: the host waits for it once a batch, when the answers are collected.

Masks and what their quality needs are made on the device. They are copied while it goes on with the next batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mfp.answers import check_finite
from mfp.click_model import ModelTraits
from mfp.exchange import ZOOM_THRESHOLD, Answer
from mfp.image_crops import DeviceCrops
from mfp.local_change import changed_part
from mfp.mask_signals import PixelSums, ShiftedThresholds, agreement
from mfp.packed import Packed
from mfp.runner import Launched
from mfp.session_maps import SessionMaps
from mfp.session_state import RegionMasks
from mfp.stopwatch import Stopwatch
from mfp.transfers import Arrival, Transfers

_Arrays: TypeAlias = Iterator[npt.NDArray[Any]]


class _Whole:
    """An answer that counts in all of its region. What is copied: the mask, that of zoom-in if it is another, sums."""

    def __init__(self, answer: Answer, threshold: float) -> None:
        self._answer = answer
        self._room = answer.maps.room(keeps_outside=answer.keeps_outside)
        mask = answer.prob > threshold
        self._has_zoom_mask = threshold != ZOOM_THRESHOLD
        zoom_mask = [answer.prob > ZOOM_THRESHOLD] if self._has_zoom_mask else []
        self.copied = [
            mask,
            *zoom_mask,
            _sums(answer.prob, mask, ShiftedThresholds.about(threshold)),
            *_halves(answer),
        ]

    def paste(self) -> None:
        self._answer.maps.paste(self._answer.region, self._answer.prob, self._room)

    def masks(self, arrays: _Arrays) -> RegionMasks:
        mask = next(arrays)
        zoom_mask = next(arrays) if self._has_zoom_mask else mask
        sums = PixelSums(mask.size, *next(arrays).tolist())
        signals = sums.signals(_flip_agreement(self._answer, arrays))
        return RegionMasks(mask, zoom_mask, signals, self._answer.keeps_outside)


class _Local:
    """An answer of which the host says what counts. What is copied: the probabilities of before, and the new ones."""

    def __init__(self, answer: Answer, threshold: float, transfers: Transfers) -> None:
        self._answer = answer
        self._threshold = threshold
        self._transfers = transfers
        self._room = answer.maps.room(keeps_outside=answer.keeps_outside)
        # Memory is taken now: once other maps of the batch have changed, nothing may fail for want of it.
        self._part = torch.empty(answer.prob.shape, dtype=torch.bool, device=answer.prob.device)
        self.copied = [answer.maps.window(answer.region), answer.prob, *_halves(answer)]

    def paste(self) -> None:
        """Nothing yet: the host has to see it first."""

    def masks(self, arrays: _Arrays) -> RegionMasks:
        answer, threshold = self._answer, np.float32(self._threshold)
        before, prob = next(arrays), next(arrays)
        part = changed_part(before > threshold, prob > threshold, answer.pixels)
        self._transfers.fill(self._part, part)
        answer.maps.paste_part(answer.region, answer.prob, self._part, self._room)
        answer.maps.written = self._transfers.mark()
        merged = np.where(part, prob, before)
        mask = merged > threshold
        zoom_mask = mask if self._threshold == ZOOM_THRESHOLD else merged > np.float32(ZOOM_THRESHOLD)
        sums = PixelSums.of(merged, mask, ShiftedThresholds.about(self._threshold))
        signals = sums.signals(_flip_agreement(answer, arrays))
        return RegionMasks(mask, zoom_mask, signals, answer.keeps_outside)


@dataclass(frozen=True, eq=False)
class _LaunchedOnDevice:
    """See `Launched`."""

    taken: list[_Whole | _Local]
    packed: Packed
    arrival: Arrival
    name: str
    network: Stopwatch

    @torch.inference_mode()
    def collect(self) -> list[RegionMasks]:
        """See Launched."""
        with self.network.running():
            arrays = self.arrival.wait()
        unpacked = iter(self.packed.unpack(arrays))
        check_finite(self.name, bool(next(unpacked)))
        return [one.masks(unpacked) for one in self.taken]


class DeviceExchange:
    """See `Exchange`."""

    is_one_memory = False

    def __init__(self, traits: ModelTraits, transfers: Transfers, network: Stopwatch) -> None:
        """`network` runs while the host waits for answers."""
        self._traits = traits
        self._transfers = transfers
        self._network = network

    def image_crops(self) -> DeviceCrops:
        """See Exchange."""
        return DeviceCrops(self._transfers)

    def tensor(self, array: npt.NDArray[Any]) -> Tensor:
        """See Exchange."""
        return self._transfers.upload(array)

    def take(self, answers: list[Answer], is_finite: Tensor) -> Launched:
        """See Exchange. Local answers change their maps when they are collected."""
        taken = [self._taken(answer) for answer in answers]
        packed = Packed.of([is_finite, *(tensor for one in taken for tensor in one.copied)])
        for one in taken:
            one.paste()
        done = self._transfers.mark()
        for answer in answers:
            answer.maps.written = done
        arrival = done.download(packed.tensors)
        return _LaunchedOnDevice(taken, packed, arrival, self._traits.name, self._network)

    def probabilities(self, maps: SessionMaps) -> npt.NDArray[np.float32]:
        """See Exchange. It waits for what wrote the map last, the pass or the collect, and for no later pass."""
        if maps.prob is None:
            return np.zeros(maps.size, np.float32)
        written = maps.written or self._transfers.mark()
        (array,) = written.download([maps.prob]).wait()
        return array.copy()  # pinned memory is for what is on its way

    def _taken(self, answer: Answer) -> _Whole | _Local:
        threshold = self._traits.threshold
        return _Local(answer, threshold, self._transfers) if answer.is_local else _Whole(answer, threshold)


def _sums(prob: Tensor, mask: Tensor, shifted: ShiftedThresholds) -> Tensor:
    """(6,) float64: those of `PixelSums`. Each answer is summed alone: no neighbour changes a bit."""
    sums = (
        mask.sum().double(),
        (prob * mask).sum(dtype=torch.float64),
        prob.sum(dtype=torch.float64),
        ((2 * prob - 1).abs() * mask).sum(dtype=torch.float64),
        (prob > shifted.low).sum().double(),
        (prob > shifted.high).sum().double(),
    )
    return torch.stack(sums)


def _halves(answer: Answer) -> list[Tensor]:
    return [] if answer.halves is None else [answer.halves]


def _flip_agreement(answer: Answer, arrays: _Arrays) -> float | None:
    """Of what was copied of `_halves`."""
    return None if answer.halves is None else agreement(*next(arrays).tolist())

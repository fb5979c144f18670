"""From a region and clicks to new probabilities there: crop, resize, flip, network, resize back, paste."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from mfp.clicks import Click
from mfp.engine_settings import Precision
from mfp.network import ClickNetwork
from mfp.region import Region
from mfp.scheduler import CropSize
from mfp.session_state import RegionMasks

ZOOM_THRESHOLD = 0.5
"""Zoom-in thresholds at 0.5 whatever the model's own threshold is (evaluation protocol)."""

_AUTOCAST_TYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class SessionMaps:
    """The image and the probability map of one session; the map lives where the network runs."""

    def __init__(self, image: npt.NDArray[np.uint8], device: torch.device) -> None:
        """`image` is (H, W, 3) uint8 RGB; the map starts as zeros."""
        self._image = image
        self._device = device
        self._prob: Tensor | None = None  # (H, W) float32; None while it is all zero
        self._crop: tuple[Region, CropSize, Tensor] | None = None

    def image_crop(self, region: Region, size: CropSize) -> Tensor:
        """(1, 3, h, w) float32 in [0, 1]: the region resized. Kept until another is asked for."""
        if self._crop is None or self._crop[:2] != (region, size):
            pixels = self._image[region.row_min : region.row_max + 1, region.col_min : region.col_max + 1]
            # A copy, contiguous by channel: torch takes no read-only arrays, and resizes planes fastest.
            planes = torch.from_numpy(np.array(pixels.transpose(2, 0, 1), order="C"))
            if self._device.type == "cuda":
                planes = planes.pin_memory().to(self._device, non_blocking=True)
            self._crop = (region, size, _resize(planes[None].float().div_(255), size))
        return self._crop[2]

    def map_crop(self, region: Region, size: CropSize) -> Tensor:
        """(1, 1, h, w) float32: the region of the probability map, resized."""
        if self._prob is None:
            return torch.zeros(1, 1, *size, device=self._device)
        rows, cols = _slices(region)
        return _resize(self._prob[None, None, rows, cols], size)

    def room(self, *, keeps_outside: bool = True) -> Tensor:
        """(H, W) float32: where the next answer goes, the present map or one of zeros."""
        if self._prob is None or not keeps_outside:
            return torch.zeros(self._image.shape[:2], device=self._device)
        return self._prob

    def paste(self, region: Region, answer: Tensor, room: Tensor) -> None:
        """Put (h, w) probabilities into their region of the `room`, which is the map from now on."""
        room[_slices(region)] = answer
        self._prob = room

    def probabilities(self) -> npt.NDArray[np.float32]:
        """(H, W) float32, the whole map."""
        if self._prob is None:
            return np.zeros(self._image.shape[:2], np.float32)
        array: npt.NDArray[np.float32] = self._prob.cpu().numpy()
        return array


@dataclass(frozen=True)
class CropRequest:
    """One session's turn: its maps, the region to look at and all its clicks, (y, x) in image pixels."""

    maps: SessionMaps
    region: Region
    clicks: Sequence[Click]


class Predictor:
    """A network with what surrounds it at inference."""

    def __init__(self, network: ClickNetwork, *, flip: bool, precision: Precision, device: str) -> None:
        """Put the network, or its form for inference, on the device (`cpu`, `cuda`, `cuda:1`).

        `flip` averages the logits with those of the mirrored image.
        """
        self.device = torch.device(device)
        # channels_last: some 5 % off lite0 and ViT-B on a CPU, and the layout of CUDA's tensor cores.
        self.network = network.for_inference()
        self.network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._flip = flip
        self._autocast_type = _AUTOCAST_TYPES[precision]

    @torch.inference_mode()
    def predict(self, requests: Sequence[CropRequest], size: CropSize) -> list[RegionMasks]:
        """Run the network on every region, resized to `size`, and paste the answers into the maps.

        Where it raises, for want of memory say, no map has changed: the same requests can be made again.
        """
        keeps_outside = self.network.click_settings.keeps_outside
        answers = [
            _resize(prob[None], (request.region.height, request.region.width))[0, 0]
            for request, prob in zip(requests, self._probabilities(requests, size), strict=True)
        ]
        masks = self._masks(answers)
        rooms = [request.maps.room(keeps_outside=keeps_outside) for request in requests]
        for request, answer, room in zip(requests, answers, rooms, strict=True):
            request.maps.paste(request.region, answer, room)
        return masks

    def _probabilities(self, requests: Sequence[CropRequest], size: CropSize) -> Tensor:
        """(B, 1, h, w) float32 probabilities of the crops."""
        image = torch.cat([request.maps.image_crop(request.region, size) for request in requests])
        prob = torch.cat([request.maps.map_crop(request.region, size) for request in requests])
        clicks = [[request.region.to_crop(click, *size) for click in request.clicks] for request in requests]
        if not self._flip:
            return torch.sigmoid(self._logits(image, prob, clicks))
        mirrored = [[click.mirrored(size[1]) for click in sequence] for sequence in clicks]
        logits = self._logits(
            torch.cat((image, image.flip(3))), torch.cat((prob, prob.flip(3))), [*clicks, *mirrored]
        )
        straight, flipped = logits.chunk(2)
        return torch.sigmoid((straight + flipped.flip(3)) * 0.5)

    def _logits(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        with torch.autocast(
            self.device.type, self._autocast_type, enabled=self._autocast_type is not torch.float32
        ):
            return self.network.forward_clicks(image, prob, clicks).float()

    def _masks(self, regions: Sequence[Tensor]) -> list[RegionMasks]:
        settings = self.network.click_settings
        threshold = settings.threshold
        masks = self._thresholded(regions, threshold)
        zoom_masks = masks if threshold == ZOOM_THRESHOLD else self._thresholded(regions, ZOOM_THRESHOLD)
        return [
            RegionMasks(mask, zoom, settings.keeps_outside)
            for mask, zoom in zip(masks, zoom_masks, strict=True)
        ]

    def _thresholded(self, regions: Sequence[Tensor], threshold: float) -> list[npt.NDArray[np.bool_]]:
        """Masks on the host; on CUDA the copies run side by side and are waited for once."""
        if self.device.type == "cpu":
            return [region.numpy() > np.float32(threshold) for region in regions]
        copies = []
        for region in regions:
            host = torch.empty(region.shape, dtype=torch.bool, pin_memory=True)
            copies.append(host.copy_(region > threshold, non_blocking=True))
        torch.cuda.current_stream(self.device).synchronize()
        return [copy.numpy() for copy in copies]


def _slices(region: Region) -> tuple[slice, slice]:
    return slice(region.row_min, region.row_max + 1), slice(region.col_min, region.col_max + 1)


def _resize(planes: Tensor, size: CropSize) -> Tensor:
    return functional.interpolate(planes, size=size, mode="bilinear", align_corners=True)

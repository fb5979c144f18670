"""The usual evaluation loop of this field, written plainly: what the engine is measured against.

One object after the other. For every click: both distance transforms over the whole image, the crop of the image
resized anew, click maps by the distance of every pixel to every click, the mirrored image as the second row of a batch
of two, the answer pasted into a new map. The network is as its file has it, in evaluation mode: no norm is folded, and
tensors are laid out as torch makes them. Regions are those of the protocol (`mfp.region`), and modulation is the
engine's own (`mfp.modulation`): a loop of this field has no better one.

It clicks where the engine does, if both networks' answers differ by rounding alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mfp.clicks import Click
from mfp.crop_runner import AUTOCAST_TYPES
from mfp.engine_settings import EngineSettings
from mfp.exchange import ZOOM_THRESHOLD
from mfp.modulation import modulate
from mfp.network import ModulatedNetwork
from mfp.region import Region, ZoomSettings, next_region
from mfp.session import Session

_ROUNDING = 1e-4  # pixels: OpenCV's roots of equal squares differ in their last bit


class SequentialLoop:
    """Clicks objects with one network, one at a time."""

    def __init__(
        self, network: ModulatedNetwork, engine: EngineSettings, num_clicks: int, device: str = "cpu"
    ) -> None:
        """The network is used as it is; zoom and arithmetic are those of the engine that it stands beside.

        The mirror image is averaged in at every click, unless that engine never does.
        """
        self._device = torch.device(device)
        self._network = network.eval().to(self._device)
        self._autocast_type = AUTOCAST_TYPES[engine.precision]
        self._settings = network.click_settings
        self._flip = engine.flip != "off"
        self._zoom = engine.zoom
        self._zoom_size = network.zoom_size if engine.zoom_size == "model" else engine.zoom_size
        self._num_clicks = num_clicks

    @torch.no_grad()
    def clicks_on(self, session: Session) -> tuple[list[Click], list[float]]:
        """The clicks on an object with truth, in image pixels, and the IoU after each."""
        truth = session.truth
        assert truth is not None, "simulated clicks have one"
        height, width = truth.shape
        image = torch.from_numpy(np.array(session.image)).permute(2, 0, 1)[None].float() / 255
        image = image.to(self._device)
        prob = torch.zeros(1, 1, height, width, device=self._device)
        clicks: list[Click] = []
        ious: list[float] = []
        not_clicked = np.ones(truth.shape, np.bool_)
        region = Region(0, height - 1, 0, width - 1)
        seen: Region | None = None
        for _ in range(self._num_clicks):
            click = _next_click(truth, _mask(prob, self._settings.threshold), not_clicked)
            if click is None:
                break
            clicks.append(click)
            not_clicked[click.pixel] = False
            if self._zoom:
                box = _bounding_box(_mask(prob, ZOOM_THRESHOLD))
                region = seen = next_region(seen, box, clicks, height, width, ZoomSettings())
            prob = self._answer(image, prob, clicks, region)
            ious.append(_iou(_mask(prob, self._settings.threshold), truth))
        return clicks, ious

    def _answer(self, image: Tensor, prob: Tensor, clicks: Sequence[Click], region: Region) -> Tensor:
        """(1, 1, H, W) probabilities after the newest click, from those before."""
        size = self._network.crop_size(region.height, region.width, self._zoom_size)
        rows = slice(region.row_min, region.row_max + 1)
        cols = slice(region.col_min, region.col_max + 1)
        crop = _resized(image[:, :, rows, cols], size)
        previous = _resized(prob[:, :, rows, cols], size)
        in_crop = [[region.to_crop(click, *size) for click in clicks]]
        if self._flip:
            crop, previous = torch.cat((crop, crop.flip(3))), torch.cat((previous, previous.flip(3)))
            in_crop.append([click.mirrored(size[1]) for click in in_crop[0]])
        logits = self._logits(crop, previous, in_crop)
        if self._flip:
            logits = (logits[:1] + logits[1:].flip(3)) * 0.5
        answer = _resized(torch.sigmoid(logits), (region.height, region.width))
        pasted = prob.clone() if self._settings.keeps_outside else torch.zeros_like(prob)
        pasted[:, :, rows, cols] = answer
        return pasted

    def _logits(self, crop: Tensor, previous: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        disks = _disk_maps(clicks, crop.shape[2], crop.shape[3], self._settings.disk_radius).to(self._device)
        if len(clicks[0]) == 1 and self._settings.initial_pass:
            empty = torch.zeros_like(previous)
            previous = torch.sigmoid(self._pass(crop, empty, empty, disks))
        modulated = modulate(previous, clicks, self._settings.modulation)
        return self._pass(crop, previous, modulated, disks)

    def _pass(self, crop: Tensor, previous: Tensor, modulated: Tensor, disks: Tensor) -> Tensor:
        network = self._network
        normalised = (crop - network.mean) / network.std
        maps = (previous, modulated) if self._settings.modulated_map else (previous,)
        is_lower = self._autocast_type is not torch.float32
        with torch.autocast(self._device.type, self._autocast_type, enabled=is_lower):
            logits: Tensor = network(
                normalised, torch.cat((*maps, disks), dim=1), torch.cat((normalised, *maps), dim=1)
            )
        return logits.float()


def _next_click(
    truth: NDArray[np.int8], mask: NDArray[np.bool_], not_clicked: NDArray[np.bool_]
) -> Click | None:
    """The middle of the largest error; None if nothing is wrong that was not clicked."""
    missed = _depth((truth == 1) & ~mask) * not_clicked
    surplus = _depth((truth == 0) & mask) * not_clicked
    is_missed = missed.max() > surplus.max() + _ROUNDING
    depth = missed if is_missed else surplus
    if depth.max() == 0:
        return None
    y, x = np.argwhere(depth >= depth.max() - _ROUNDING)[0]
    return Click(float(y), float(x), bool(is_missed))


def _depth(error: NDArray[np.bool_]) -> NDArray[np.float32]:
    bordered = np.pad(error.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(bordered, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1])


def _bounding_box(mask: NDArray[np.bool_]) -> Region | None:
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    return Region(int(rows[0]), int(rows[-1]), int(cols[0]), int(cols[-1]))


def _disk_maps(clicks: Sequence[Sequence[Click]], height: int, width: int, radius: float) -> Tensor:
    """(B, 2, H, W): 1 where a foreground or a background click is no farther than the radius."""
    rows = torch.arange(height, dtype=torch.float32)[None, :, None]
    cols = torch.arange(width, dtype=torch.float32)[None, None, :]
    maps = torch.zeros(len(clicks), 2, height, width)
    for sample, sequence in enumerate(clicks):
        for channel, is_foreground in enumerate((True, False)):
            places = [(click.y, click.x) for click in sequence if click.is_foreground == is_foreground]
            if places:
                y, x = torch.tensor(places, dtype=torch.float32).T[:, :, None, None]
                square = (rows - y) ** 2 + (cols - x) ** 2  # (N, H, W)
                maps[sample, channel] = (square.min(dim=0).values <= radius * radius).float()
    return maps


def _mask(prob: Tensor, threshold: float) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = prob[0, 0].cpu().numpy() > np.float32(threshold)
    return mask


def _iou(mask: NDArray[np.bool_], truth: NDArray[np.int8]) -> float:
    intersection = np.logical_and(truth == 1, mask).sum()
    union = np.logical_and(np.logical_or(truth == 1, mask), truth != -1).sum()
    return float(intersection / union)


def _resized(planes: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(planes, size=size, mode="bilinear", align_corners=True)

"""Runs a model of crops: from a region and clicks to new probabilities there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mfp.answers import check_logits_form, check_logits_values
from mfp.backends.registry import check_backend, run_by_backend
from mfp.click_model import CropBatch, CropModel, Image, ModelTraits
from mfp.crop_features import CropFeatures, ImageFeatures, SessionFeatures
from mfp.engine_settings import EngineSettings, Precision
from mfp.local_change import changed_part
from mfp.per_image import PerImage
from mfp.places import Places
from mfp.region import Region, ZoomSettings
from mfp.runner import Request, check_confidence, check_starts_from_mask
from mfp.session_maps import CropSize, SessionMaps, resize
from mfp.session_state import RegionMasks, expected_iou
from mfp.start import FROM_NOTHING, FromMask, FromNothing, Start

ZOOM_THRESHOLD = 0.5
"""Zoom-in thresholds at 0.5 whatever the model's own threshold is (evaluation protocol)."""

_AUTOCAST_TYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
_NUM_NEWEST_IMAGES = 1  # with a single place no session is in flight between two objects of an image


@dataclass(frozen=True, eq=False)
class OpenCrops:
    """A session under way."""

    maps: SessionMaps
    features: SessionFeatures


class CropRunner:
    """A crop model with what surrounds it: crop, resize, mirror, model, resize back, paste. See `Runner`."""

    can_repeat = True  # no map changes before all answers are there

    def __init__(self, model: CropModel, settings: EngineSettings, device: str) -> None:
        """Put the model in its form for inference on the device (`cpu`, `cuda`, `cuda:1`).

        Raises:
            BackendError: the backend is not here, or cannot run the model on that device.
        """
        self.device = torch.device(device)
        check_backend(settings.backend, model, self.device, settings.precision)
        form = model.for_inference(self.device)
        self._zoom_size = form.zoom_size if settings.zoom_size == "model" else settings.zoom_size
        self.model = run_by_backend(form, settings.backend, self._zoom_size)
        self.traits: ModelTraits = self.model.traits
        self.zoom = ZoomSettings() if settings.zoom else None
        self.places = Places.of_crops(settings.batch_size, is_on_cpu=self.device.type == "cpu")
        self._flip = settings.flip
        self._autocast_type = _AUTOCAST_TYPES[settings.precision]
        self._images = PerImage(lambda image: ImageFeatures(*image.shape[:2]), _NUM_NEWEST_IMAGES)

    def open(self, image: Image, start: Start = FROM_NOTHING) -> OpenCrops:
        """See Runner."""
        prob = None
        if isinstance(start, FromMask):
            check_starts_from_mask(self.traits)
            check_confidence(self.traits, start)
        if not isinstance(start, FromNothing) and self.traits.starts_from_mask:
            prob = start.probabilities(*image.shape[:2])
        return OpenCrops(SessionMaps(image, self.device, prob), SessionFeatures(self._images.of(image)))

    def batch_key(self, region: Region) -> CropSize:
        """See Runner: the size of the region's crop."""
        return self.model.crop_size(region.height, region.width, self._zoom_size)

    def probabilities(self, session: OpenCrops) -> npt.NDArray[np.float32]:
        """See Runner."""
        return session.maps.probabilities()

    @torch.inference_mode()
    def predict(self, requests: Sequence[Request[OpenCrops]], key: CropSize) -> list[RegionMasks]:
        """Run the model on every region, resized to `key`, and paste the answers into the maps.

        If it raises, for want of memory say, no map has changed: the same requests can be made again.
        """
        answers = [
            self._within_limits(
                request, resize(prob[None], (request.region.height, request.region.width))[0, 0]
            )
            for request, prob in zip(requests, self._probabilities(requests, key), strict=True)
        ]
        keeps_outside = [self.traits.keeps_outside or request.is_local for request in requests]
        masks = self._masks(answers, keeps_outside)
        rooms = [
            request.session.maps.room(keeps_outside=keeps)
            for request, keeps in zip(requests, keeps_outside, strict=True)
        ]
        for request, answer, room in zip(requests, answers, rooms, strict=True):
            request.session.maps.paste(request.region, answer, room)
        return masks

    def _within_limits(self, request: Request[OpenCrops], answer: Tensor) -> Tensor:
        """The (h, w) probabilities of a region, with those of before where the answer does not count."""
        region = request.region
        if request.excluded is not None:
            answer = answer.masked_fill(self._on_device(region.window(request.excluded)), 0.0)
        if not request.is_local:
            return answer
        before, threshold = request.session.maps.window(region), self.traits.threshold
        mask_before, mask = self._thresholded([before, answer], threshold)
        pixels = [region.pixel(click) for click in request.clicks[-request.num_new :]]
        part = changed_part(mask_before, mask, pixels)
        return torch.where(self._on_device(part), answer, before)

    def _on_device(self, pixels: npt.NDArray[np.bool_]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)

    def _probabilities(self, requests: Sequence[Request[OpenCrops]], size: CropSize) -> Tensor:
        """(B, 1, h, w) float32 probabilities of the crops."""
        maps = [request.session.maps for request in requests]
        regions = [request.region for request in requests]
        image = torch.cat([one.image_crop(region, size) for one, region in zip(maps, regions, strict=True)])
        prob = torch.cat([one.map_crop(region, size) for one, region in zip(maps, regions, strict=True)])
        has_prob = [one.has_map for one in maps]
        clicks = [[request.region.to_crop(click, *size) for click in request.clicks] for request in requests]
        with self._precision():
            features = [self._features(request, size) for request in requests]
        straight = [one.straight for one in features]
        if not self._flip:
            return torch.sigmoid(self._logits(CropBatch(image, prob, has_prob, clicks, straight)))
        logits = self._logits(
            CropBatch(
                torch.cat((image, image.flip(3))),
                torch.cat((prob, prob.flip(3))),
                has_prob * 2,
                clicks + [[click.mirrored(size[1]) for click in sequence] for sequence in clicks],
                straight + [one.mirrored for one in features],
            )
        )
        plain, flipped = logits.chunk(2)
        return torch.sigmoid((plain + flipped.flip(3)) * 0.5)

    def _features(self, request: Request[OpenCrops], size: CropSize) -> CropFeatures:
        if not self.model.prepares:
            return CropFeatures(None, None)
        crop = request.session.maps.image_crop(request.region, size)

        def prepare() -> CropFeatures:
            straight = self.model.prepare(crop)
            return CropFeatures(straight, self.model.prepare(crop.flip(3)) if self._flip else None)

        return request.session.features.at((request.region, size), prepare)

    def _logits(self, batch: CropBatch) -> Tensor:
        with self._precision():
            logits = self.model.predict(batch)
        check_logits_form(self.traits.name, logits, batch.image)
        check_logits_values(self.traits.name, logits)
        return logits.float()

    def _precision(self) -> torch.autocast:
        return torch.autocast(
            self.device.type, self._autocast_type, enabled=self._autocast_type is not torch.float32
        )

    def _masks(self, regions: Sequence[Tensor], keeps_outside: Sequence[bool]) -> list[RegionMasks]:
        threshold = self.traits.threshold
        masks = self._thresholded(regions, threshold)
        zoom_masks = masks if threshold == ZOOM_THRESHOLD else self._thresholded(regions, ZOOM_THRESHOLD)
        return [
            RegionMasks(mask, zoom, expected_iou(prob.cpu().numpy(), mask), keeps)
            for prob, mask, zoom, keeps in zip(regions, masks, zoom_masks, keeps_outside, strict=True)
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

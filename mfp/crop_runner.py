"""Runs a model of crops: from a region and clicks to new probabilities there."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mfp.answers import check_logits_form
from mfp.backends.registry import check_backend, run_by_backend
from mfp.batch_size import USUAL_BATCH_SIZE, CudaMemory, fitting_batch_size
from mfp.click_model import CropBatch, CropModel, Image, ModelTraits
from mfp.clicks import Click
from mfp.crop_features import Crop, ImageFeatures, SessionFeatures
from mfp.device import check_device
from mfp.device_exchange import DeviceExchange
from mfp.engine_settings import BatchSize, EngineSettings, Flip, Precision
from mfp.exchange import Answer, Exchange
from mfp.host_exchange import HostExchange
from mfp.image_crops import CropSize, ImageCrops, resize
from mfp.mask_signals import logit_of
from mfp.per_image import Kept, PerImage
from mfp.places import Places
from mfp.region import Region, ZoomSettings
from mfp.runner import Launched, Request, check_confidence, check_starts_from_mask
from mfp.session_maps import SessionMaps
from mfp.session_state import RegionMasks
from mfp.start import FROM_NOTHING, FromMask, FromNothing, Start
from mfp.stopwatch import Stopwatch
from mfp.tf32 import allow_tf32
from mfp.transfers import CudaTransfers

logger = logging.getLogger(__name__)

AUTOCAST_TYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "int8": torch.float32,  # of what surrounds the layers
}
NUM_FLIPPED_CLICKS = 2
"""With flip `auto` the mirror image is averaged in for so many clicks of an object."""
_NUM_NEWEST_IMAGES = 1  # with a single place no session is in flight between two objects of an image


@dataclass(frozen=True, eq=False)
class OfImage:
    """What all sessions on an image share."""

    crops: ImageCrops
    features: ImageFeatures


@dataclass(frozen=True, eq=False)
class OpenCrops:
    """A session under way; it holds what it shares with the others on its image, so that later ones find it."""

    maps: SessionMaps
    features: SessionFeatures
    of_image: Kept[OfImage]


@dataclass(frozen=True, eq=False)
class _Pass:
    """What a model answered to a batch.

    Attributes:
        prob: (B, 1, h, w) float32 probabilities of the crops.
        halves: of each crop, see Answer.
        is_finite: () bool: whether all logits are finite.
    """

    prob: Tensor
    halves: list[Tensor | None]
    is_finite: Tensor


class CropRunner:
    """A crop model with what surrounds it: crop, resize, mirror, model, resize back, paste. See `Runner`."""

    can_repeat = True  # no map changes before all answers are there

    def __init__(self, model: CropModel, settings: EngineSettings, device: str) -> None:
        """Put the model in its form for inference on the device (`cpu`, `cuda`, `cuda:1`).

        Raises:
            BackendError: the backend is not here, or cannot run the model on that device.
            DeviceError: there is no GPU.
        """
        self.device = torch.device(device)
        check_backend(settings.engine_backend, model, self.device, settings.precision)
        check_device(self.device)
        form = model.for_inference(self.device)
        self._zoom_size = form.zoom_size if settings.zoom_size == "model" else settings.zoom_size
        self._autocast_type = AUTOCAST_TYPES[settings.precision]
        self._uses_tf32 = settings.precision == "tf32"
        with self.precision():
            self.model = run_by_backend(form, settings.engine_backend, settings.precision, self._zoom_size)
        self.traits: ModelTraits = self.model.traits
        self.network = Stopwatch()
        self.zoom = ZoomSettings() if settings.zoom else None
        self._flip: Flip = settings.flip
        self._threshold_logit = logit_of(self.traits.threshold)
        self._exchange = self._exchange_with(self.device)
        self._images = PerImage(self._of_image, _NUM_NEWEST_IMAGES)
        self.places = Places.of_crops(
            self._batch_size(settings.batch_size), is_on_cpu=self._exchange.is_one_memory
        )

    def open(self, image: Image, start: Start = FROM_NOTHING) -> OpenCrops:
        """See Runner."""
        prob = None
        if isinstance(start, FromMask):
            check_starts_from_mask(self.traits)
            check_confidence(self.traits, start)
        if not isinstance(start, FromNothing) and self.traits.starts_from_mask:
            prob = start.probabilities(*image.shape[:2])
        of_image = self._images.of(image)
        start_map = None if prob is None else self._exchange.tensor(prob)
        maps = SessionMaps(image, of_image.value.crops, self.device, start_map)
        return OpenCrops(maps, SessionFeatures(of_image.value.features), of_image)

    def precision(self) -> torch.autocast:
        """What the model's passes run in: `with runner.precision(): model.predict(batch)`."""
        if self.device.type == "cuda":
            # for the whole process, where another engine may have set it otherwise
            allow_tf32(self._uses_tf32)
        return torch.autocast(
            self.device.type, self._autocast_type, enabled=self._autocast_type is not torch.float32
        )

    def batch_key(self, region: Region) -> CropSize:
        """See Runner: the size of the region's crop."""
        return self.model.crop_size(region.height, region.width, self._zoom_size)

    def probabilities(self, session: OpenCrops) -> npt.NDArray[np.float32]:
        """See Runner."""
        return self._exchange.probabilities(session.maps)

    @torch.inference_mode()
    def launch(self, requests: Sequence[Request[OpenCrops]], key: CropSize) -> Launched:
        """Run the model on every region, resized to `key`, and paste the answers into the maps.

        If it raises, for want of memory say, no map has changed: the same requests can be made again.
        """
        passed = self._pass(requests, key)
        answers = [self._answer(*one) for one in zip(requests, passed.prob, passed.halves, strict=True)]
        return self._exchange.take(answers, passed.is_finite)

    def predict(self, requests: Sequence[Request[OpenCrops]], key: CropSize) -> list[RegionMasks]:
        """See Runner."""
        return self.launch(requests, key).collect()

    def _answer(self, request: Request[OpenCrops], crop: Tensor, halves: Tensor | None) -> Answer:
        """Of a crop's probabilities, (1, h, w), and of the halves that they are the mean of; see Answer."""
        region = request.region
        prob = resize(crop[None], (region.height, region.width))[0, 0]
        if request.excluded is not None:
            prob = prob.masked_fill(self._exchange.tensor(region.window(request.excluded)), 0.0)
        return Answer(
            maps=request.session.maps,
            region=region,
            prob=prob,
            keeps_outside=self.traits.keeps_outside or request.is_local,
            is_local=request.is_local,
            pixels=tuple(region.pixel(click) for click in request.clicks[-request.num_new :]),
            halves=halves,
        )

    def _pass(self, requests: Sequence[Request[OpenCrops]], size: CropSize) -> _Pass:
        """Run the model on the crops of the requests."""
        flipped = [index for index, request in enumerate(requests) if self._flips(request)]
        maps = [request.session.maps for request in requests]
        regions = [request.region for request in requests]
        images = [one.image_crop(region, size) for one, region in zip(maps, regions, strict=True)]
        probs = [one.map_crop(region, size) for one, region in zip(maps, regions, strict=True)]
        has_prob = [one.has_map for one in maps]
        clicks = [[request.region.to_crop(click, *size) for click in request.clicks] for request in requests]
        with self.precision():
            features = [self._features(request, size, is_mirrored=False) for request in requests]
            mirrored = [self._features(requests[index], size, is_mirrored=True) for index in flipped]
        logits, is_finite = self._logits(
            CropBatch(
                torch.cat((*images, *(images[index].flip(3) for index in flipped))),
                torch.cat((*probs, *(probs[index].flip(3) for index in flipped))),
                has_prob + [has_prob[index] for index in flipped],
                clicks + [[click.mirrored(size[1]) for click in clicks[index]] for index in flipped],
                features + mirrored,
            )
        )
        straight = logits[: len(requests)]
        halves: list[Tensor | None] = [None] * len(requests)
        if not flipped:
            return _Pass(torch.sigmoid(straight), halves, is_finite)
        partners = logits[len(requests) :].flip(3)
        if len(flipped) < len(requests):
            # A row without a mirror image is its own partner: the mean of two equal numbers is that number.
            partners = straight.index_copy(0, self._exchange.tensor(np.array(flipped)), partners)
        counts = self._halves(straight, partners)
        for index in flipped:
            halves[index] = counts[index]
        return _Pass(torch.sigmoid((straight + partners) * 0.5), halves, is_finite)

    def _halves(self, plain: Tensor, flipped: Tensor) -> list[Tensor]:
        """See Answer: of (B, 1, h, w) logits each. Pixels are counted, so that no neighbour changes a bit."""
        one, other = plain > self._threshold_logit, flipped > self._threshold_logit
        counts = torch.stack(((one & other).sum((1, 2, 3)), (one | other).sum((1, 2, 3))), 1)
        return list(counts.double())  # as the sums are, so that both come to the host in one copy

    def _flips(self, request: Request[OpenCrops]) -> bool:
        return self._flip == "on" or (self._flip == "auto" and len(request.clicks) <= NUM_FLIPPED_CLICKS)

    def _features(self, request: Request[OpenCrops], size: CropSize, *, is_mirrored: bool) -> Any:
        if not self.model.prepares:
            return None

        def prepare() -> Any:
            crop = request.session.maps.image_crop(request.region, size)
            with self.network.running():
                return self.model.prepare(crop.flip(3) if is_mirrored else crop)

        return request.session.features.at(Crop(request.region, size, is_mirrored), prepare)

    def _logits(self, batch: CropBatch) -> tuple[Tensor, Tensor]:
        """(B, 1, h, w) float32, and () bool: whether all of them are finite."""
        with self.network.running():
            with self.precision():
                logits = self.model.predict(batch)
            check_logits_form(self.traits.name, logits, batch.image)
            return logits.float(), torch.isfinite(logits).all()

    def _batch_size(self, asked: BatchSize) -> int:
        if asked != "auto":
            return asked
        if self._exchange.is_one_memory:
            return USUAL_BATCH_SIZE
        size = fitting_batch_size(self._run_largest_crops, CudaMemory(self.device))
        logger.info("%d sessions in a batch: what the memory of %s holds", size, self.device)
        return size

    def _run_largest_crops(self, num_sessions: int) -> None:
        """A batch of first clicks on squares, of which no crop is larger."""
        side = self._zoom_size
        image, whole = np.zeros((side, side, 3), np.uint8), Region(0, side - 1, 0, side - 1)
        clicks = (Click(side / 2, side / 2, True),)
        requests = [Request(self.open(image), whole, clicks) for _ in range(num_sessions)]
        self.predict(requests, self.batch_key(whole))

    def _of_image(self, image: Image) -> OfImage:
        return OfImage(self._exchange.image_crops(), ImageFeatures(*image.shape[:2]))

    def _exchange_with(self, device: torch.device) -> Exchange:
        if device.type == "cpu":
            return HostExchange(self.traits)
        return DeviceExchange(self.traits, CudaTransfers(device), self.network)

"""The frame of MFP around our own networks: how clicks and maps are shown to them, and the passes of a click."""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self, TypeAlias

import torch
from torch import Tensor, nn

from mfp.click_model import CropBatch, ModelTraits
from mfp.clicks import Click
from mfp.disk_maps import DISK_RADIUS, disk_maps
from mfp.errors import ModelError
from mfp.modulation import ModulationSettings, Variant, modulate
from mfp.transfers import to_device

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ClickSettings:
    """How clicks and maps are shown to a network; part of a model's configuration.

    Attributes:
        modulation: variant, N and R_max.
        disk_radius: of the click maps, in pixels of the crop.
        threshold: a pixel belongs to the object if its probability is larger.
        modulated_map: P~ stands beside P wherever the network sees P: at its input and in late fusion. Without it
            those inputs have one channel less (row I of the paper's Table 5), and nothing is modulated.
        initial_pass: before its first click is answered, a session's P is the network's answer to empty maps;
            without it the first click is answered from empty maps at once.
        keeps_outside: probabilities outside the region of a click keep their values; else they become 0.
    """

    modulation: ModulationSettings = field(default_factory=ModulationSettings)
    disk_radius: float = DISK_RADIUS
    threshold: float = 0.5
    modulated_map: bool = True
    initial_pass: bool = True
    keeps_outside: bool = True

    @property
    def num_coordinate_channels(self) -> int:
        """Of the coordinate input: P, P~ where it is used, foreground disks, background disks."""
        return 4 if self.modulated_map else 3

    @property
    def num_late_channels(self) -> int:
        """Of the late-fusion input: normalised RGB, P, P~ where it is used."""
        return 5 if self.modulated_map else 4


BASELINE_CLICKS = ClickSettings(threshold=0.49, modulated_map=False, initial_pass=False, keeps_outside=False)
"""SimpleClick and RITM: one pass for every click, no modulation, and their own rules of evaluation."""


UNSAVED = "unsaved"
"""The identity of weights that no model file holds, such as those of a network that is being trained."""


Layers: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(image, coordinates, late) -> logits, as `ModulatedNetwork.forward`."""


def _by_torch(network: nn.Module, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
    logits: Tensor = network(image, coordinates, late)
    return logits


class ModulatedNetwork(nn.Module, abc.ABC):
    """The frame of MFP around a network of tensors: modulation, click maps and the two passes of a first click.

    It is a `CropModel` and a `TrainableNetwork`.

    A subclass has `forward(image, coordinates, late)`:
        image: (B, 3, H, W), normalised with the ImageNet mean and standard deviation;
        coordinates: (B, 4, H, W): P, P~, foreground disks, background disks;
        late: (B, 5, H, W): the normalised image, P, P~;
        returns (B, 1, H, W) logits at crop size.
    If the click settings leave the modulated map out, P~ and its channel are missing from both.
    """

    mean: Tensor
    std: Tensor
    prepares = False
    crops_vary = True
    """Whether crops of one zoom size differ in height and width; else `crop_size` is the same for every region."""

    def __init__(self, click_settings: ClickSettings) -> None:
        super().__init__()
        self.click_settings = click_settings
        self._identity = UNSAVED
        self._run = _by_torch
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    @property
    def traits(self) -> ModelTraits:
        """See CropModel."""
        return ModelTraits(
            name=type(self).__name__,
            identity=self._identity,
            threshold=self.click_settings.threshold,
            keeps_outside=self.click_settings.keeps_outside,
            starts_from_mask=True,
        )

    @property
    @abc.abstractmethod
    def zoom_size(self) -> int:
        """See CropModel."""

    @abc.abstractmethod
    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        """See CropModel."""

    def named(self, identity: str) -> Self:
        """The same network, weights shared, under the identity of the file that holds them, or UNSAVED."""
        network = copy.copy(self)
        network._identity = identity
        return network

    def with_modulation(self, variant: Variant) -> Self:
        """The same network, weights shared, shown maps of this variant.

        The identity stays: it is that of the weights, and runs record the variant beside it.

        Raises:
            ModelError: it is shown no modulated map.

        """
        settings = self.click_settings
        if not settings.modulated_map:
            raise ModelError("it takes no modulated map")
        if variant == settings.modulation.variant:
            return self
        network = copy.copy(self)
        network.click_settings = replace(settings, modulation=replace(settings.modulation, variant=variant))
        return network

    @property
    def layers(self) -> Layers:
        """What runs its layers: its own `forward`, or what `run_by` was given."""
        return partial(self._run, self)

    def run_by(self, layers: Layers) -> Self:
        """The same network, with `layers` in the place of its own `forward` in all passes."""

        def run(network: nn.Module, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
            return layers(image, coordinates, late)

        network = copy.copy(self)
        network._run = run
        return network

    def for_inference(self, device: torch.device) -> Self:
        """See CropModel."""
        network = self.inference_form()
        # channels_last: some 5 % off lite0 and ViT-B on a CPU, and the layout of CUDA's tensor cores.
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network

    def inference_form(self) -> Self:
        """The same function in the form that runs fastest: this network or a copy, in evaluation mode."""
        return self.eval()

    def prepare(self, image: Tensor) -> None:
        """See CropModel: clicks enter at the first layer, nothing depends on the image alone."""

    def predict(self, batch: CropBatch) -> Tensor:
        """See CropModel. Rows without a map run twice: with empty maps, then with their own modulated answer."""
        image, prob = batch.image, batch.prob
        disks = self._disks(image, batch.clicks)
        fresh = [row for row, has_prob in enumerate(batch.has_prob) if not has_prob]
        if fresh and self.click_settings.initial_pass:
            prob = prob.clone()
            rows = to_device(torch.tensor(fresh), image.device)
            prob[rows] = self._first_map(image[rows], disks[rows]).to(prob.dtype)
        return self._run(self, *self._inputs(image, prob, self._modulated(prob, batch.clicks), disks))

    def first_map(self, image: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        """The answer to empty maps, which stands in for a previous map where there is none; without gradient.

        A network without initial pass has the empty map itself in that place.

        Args:
            image: (B, 3, H, W) float, RGB in [0, 1].
            clicks: B sequences of clicks, pixels of the crop.

        Returns:
            (B, 1, H, W) float32 probabilities.
        """
        if not self.click_settings.initial_pass:
            return _empty_map(image).float()
        return self._first_map(image, self._disks(image, clicks))

    def forward_map(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        """One pass with a previous map, (B, 1, H, W) in [0, 1]: (B, 1, H, W) logits."""
        return self._run(self, *self.map_inputs(image, prob, clicks))

    def forward_training(
        self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]
    ) -> tuple[Tensor, Tensor | None]:
        """As forward_map, and beside it the (B, 1, H, W) logits of an auxiliary head if the network has one."""
        return self.forward_map(image, prob, clicks), None

    def map_inputs(
        self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What `forward` takes for one pass with a previous map: image, coordinates, late."""
        return self._inputs(image, prob, self._modulated(prob, clicks), self._disks(image, clicks))

    def _first_map(self, image: Tensor, disks: Tensor) -> Tensor:
        empty = _empty_map(image)
        with torch.no_grad():
            logits = self._run(self, *self._inputs(image, empty, empty, disks))
            return torch.sigmoid(logits.float())

    def _modulated(self, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        """P~, or P itself for a network that is shown no modulated map."""
        settings = self.click_settings
        return modulate(prob, clicks, settings.modulation) if settings.modulated_map else prob

    def _disks(self, image: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        height, width = image.shape[-2:]
        return disk_maps(clicks, height, width, self.click_settings.disk_radius, image.device)

    def _inputs(
        self, image: Tensor, prob: Tensor, modulated: Tensor, disks: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        normalised = (image - self.mean) / self.std
        maps = (prob, modulated) if self.click_settings.modulated_map else (prob,)
        return normalised, torch.cat((*maps, disks), dim=1), torch.cat((normalised, *maps), dim=1)


def _empty_map(image: Tensor) -> Tensor:
    """(B, 1, H, W) zeros beside images."""
    return image.new_zeros(image.shape[0], 1, *image.shape[-2:])

"""What every click model is: an image crop, the previous map and the clicks in, logits out."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mfp.clicks import Click
from mfp.disk_maps import DISK_RADIUS, disk_maps
from mfp.modulation import ModulationSettings, modulate

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ClickSettings:
    """How clicks and maps are shown to a network; part of a model's configuration.

    Attributes:
        modulation: variant, N and R_max.
        disk_radius: of the click maps, in pixels of the crop.
        threshold: a pixel belongs to the object where its probability is larger.
    """

    modulation: ModulationSettings = field(default_factory=ModulationSettings)
    disk_radius: float = DISK_RADIUS
    threshold: float = 0.5


class ClickNetwork(nn.Module, abc.ABC):
    """A click model as the engine and the training step see it."""

    click_settings: ClickSettings

    @abc.abstractmethod
    def crop_size(self, height: int, width: int, zoom_size: int | None) -> tuple[int, int]:
        """The (height, width) to which a region of that many image pixels is resized for this network.

        Args:
            height, width: of the region, in image pixels.
            zoom_size: the target of zoom-in, or None for the model's own.
        """

    @abc.abstractmethod
    def forward_clicks(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        """Predict after the newest click of every row.

        Args:
            image: (B, 3, H, W) float, RGB in [0, 1], not normalised.
            prob: (B, 1, H, W) float, previous map in [0, 1]; all zero where the row has one click only.
            clicks: B non-empty click sequences, pixels of the crop.

        Returns:
            (B, 1, H, W) float logits. Rows do not affect each other.
        """

    def for_inference(self) -> ClickNetwork:
        """The same function in the form that runs fastest: this network or a copy, in evaluation mode."""
        return self.eval()


class ModulatedNetwork(ClickNetwork):
    """The frame of MFP around a network of tensors: modulation, click maps and the two passes of a first click.

    A subclass has `forward(image, coordinates, late)`:
        image: (B, 3, H, W), normalised with the ImageNet mean and standard deviation;
        coordinates: (B, 4, H, W): P, P~, foreground disks, background disks;
        late: (B, 5, H, W): the normalised image, P, P~;
        returns (B, 1, H, W) logits at crop size.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, click_settings: ClickSettings) -> None:
        super().__init__()
        self.click_settings = click_settings
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward_clicks(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        """See ClickNetwork. Rows with one click run twice: with empty maps, then with their own modulated answer."""
        fresh = [row for row, sequence in enumerate(clicks) if len(sequence) == 1]
        if fresh:
            prob = prob.clone()
            rows = torch.tensor(fresh, device=image.device)
            prob[rows] = self.first_map(image[rows], [clicks[row] for row in fresh]).to(prob.dtype)
        return self.forward_map(image, prob, clicks)

    def first_map(self, image: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        """The answer to empty maps, which stands in for the previous map of a first click; without gradient.

        Args:
            image: (B, 3, H, W) float, RGB in [0, 1].
            clicks: B sequences of clicks, pixels of the crop.

        Returns:
            (B, 1, H, W) float32 probabilities.
        """
        empty = image.new_zeros(image.shape[0], 1, *image.shape[-2:])
        with torch.no_grad():
            return torch.sigmoid(self._run(image, empty, empty, clicks).float())

    def forward_map(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        """One pass with a previous map: (B, 1, H, W) logits. Shapes as in forward_clicks."""
        return self._run(image, prob, modulate(prob, clicks, self.click_settings.modulation), clicks)

    def forward_training(
        self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]
    ) -> tuple[Tensor, Tensor | None]:
        """As forward_map, and beside it the (B, 1, H, W) logits of an auxiliary head where the network has one."""
        return self.forward_map(image, prob, clicks), None

    def _run(
        self, image: Tensor, prob: Tensor, modulated: Tensor, clicks: Sequence[Sequence[Click]]
    ) -> Tensor:
        normalised = (image - self.mean) / self.std
        height, width = image.shape[-2:]
        disks = disk_maps(clicks, height, width, self.click_settings.disk_radius, image.device)
        coordinates = torch.cat((prob, modulated, disks), dim=1)
        late = torch.cat((normalised, prob, modulated), dim=1)
        logits: Tensor = self(normalised, coordinates, late)
        return logits

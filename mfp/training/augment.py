"""Random views of a training image and its object."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from mfp.training.augment_settings import AugmentSettings

_FILL_LABEL = 255  # torchvision's masks are uint8: ignored pixels travel as 255
_DRAWS = 5
_LARGEST_SCALE = 4
_GEOMETRY = v2.RandomAffine(
    degrees=3,
    translate=(0.03, 0.03),
    interpolation=v2.InterpolationMode.BILINEAR,
    fill={tv_tensors.Image: 0, tv_tensors.Mask: _FILL_LABEL},
)
# Brightness +-0.25 and contrast -0.15..0.4 of the protocol, as factors; +-10 of 255 on each channel.
_BRIGHTNESS_CONTRAST = v2.ColorJitter(brightness=(0.75, 1.25), contrast=(0.85, 1.4))
_RGB_SHIFT = 10.0


def augmented_view(
    image: NDArray[np.uint8], label: NDArray[np.int8], settings: AugmentSettings, seed: int
) -> tuple[Tensor, Tensor] | None:
    """One random view.

    Args:
        image: (H, W, 3) uint8 RGB.
        label: (H, W) int8, 1 object, 0 background, -1 ignored.
        settings: ranges.
        seed: the view depends on this number and the arguments only.

    Returns:
        (3, *crop_size) uint8 and (1, *crop_size) int8; None if no view shows enough of the object.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pixels = tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1))
        mask = tv_tensors.Mask(torch.from_numpy(label.astype(np.uint8))[None])  # -1 wraps to 255
        # Last of all a frame close around the object, which shows as much of it as can be shown.
        close = replace(
            settings,
            zoom_probability=1.0,
            geometry_probability=0.0,
            smallest_frame=min(settings.crop_size) // _LARGEST_SCALE,
        )
        for drawn in (*(settings,) * _DRAWS, close):
            view, view_mask = _geometry(pixels, mask, drawn)
            if int((view_mask == 1).sum()) >= settings.smallest_object:
                return _colour(view, settings), view_mask.to(torch.int8)  # 255 wraps back to -1
    return None


def _uniform(low: float, high: float) -> float:
    return float(torch.empty(()).uniform_(low, high))


def _chance(probability: float) -> bool:
    return float(torch.rand(())) < probability


def _geometry(image: Tensor, mask: Tensor, settings: AugmentSettings) -> tuple[Tensor, Tensor]:
    if _chance(settings.geometry_probability):
        image, mask = _GEOMETRY(image, mask)
    if _chance(0.5):
        image, mask = functional.horizontal_flip(image), functional.horizontal_flip(mask)
    if _chance(settings.turn_probability):
        turns = int(torch.randint(1, 4, ()))
        image, mask = image.rot90(turns, (-2, -1)), mask.rot90(turns, (-2, -1))
    is_zoomed = _chance(settings.zoom_probability)
    scale = _zoom_scale(mask, settings) if is_zoomed else _log_uniform(settings.resize)
    size = [max(1, round(side * scale)) for side in image.shape[-2:]]
    image = functional.resize_image(torch.as_tensor(image), size, antialias=True)
    mask = functional.resize_mask(torch.as_tensor(mask), size)
    return _crop_with_object(image, mask, settings.crop_size, whole=is_zoomed)


def _zoom_scale(mask: Tensor, settings: AugmentSettings) -> float:
    """The scale at which a frame around the object, margin included, becomes the view."""
    pixels = (mask[0] == 1).nonzero()
    margin = _log_uniform(settings.zoom_margin)
    if len(pixels) == 0:
        return 1.0
    lengths: list[int] = (pixels.amax(0) - pixels.amin(0) + 1).tolist()
    frames = (max(settings.smallest_frame, length * margin) for length in lengths)
    return min(side / frame for side, frame in zip(settings.crop_size, frames, strict=True))


def _log_uniform(bounds: tuple[float, float]) -> float:
    return float(np.exp(_uniform(*np.log(bounds))))


def _crop_with_object(
    image: Tensor, mask: Tensor, size: tuple[int, int], *, whole: bool
) -> tuple[Tensor, Tensor]:
    """A crop of (height, width) `size`; padding is ignored in the label.

    Uniform among the crops that hold a random pixel of the object, or, `whole`, all of it as far as it fits.
    """
    bottom, right = (max(0, side - length) for side, length in zip(size, image.shape[-2:], strict=True))
    image = functional.pad_image(image, [0, 0, right, bottom])
    mask = functional.pad_mask(mask, [0, 0, right, bottom], fill=_FILL_LABEL)
    height, width = image.shape[-2:]
    pixels = (mask[0] == 1).nonzero()
    if len(pixels) == 0:
        return image[..., : size[0], : size[1]], mask[..., : size[0], : size[1]]
    first, last = pixels.amin(0), pixels.amax(0)
    if not whole:
        first = last = pixels[int(torch.randint(len(pixels), ()))]
    top = _start(int(first[0]), int(last[0]), size[0], height)
    left = _start(int(first[1]), int(last[1]), size[1], width)
    rows, columns = slice(top, top + size[0]), slice(left, left + size[1])
    return image[..., rows, columns], mask[..., rows, columns]


def _start(first: int, last: int, side: int, length: int) -> int:
    """Where a crop may start that holds rows (or columns) first to last; what is longer than a crop fills it."""
    lowest, highest = max(0, last - side + 1), min(first, length - side)
    low, high = sorted((min(lowest, length - side), highest))
    return int(torch.randint(low, high + 1, ()))


def _colour(image: Tensor, settings: AugmentSettings) -> Tensor:
    if _chance(settings.colour_probability):
        image = torch.as_tensor(_BRIGHTNESS_CONTRAST(tv_tensors.Image(image)))
    if _chance(settings.colour_probability):
        shift = torch.empty(3, 1, 1).uniform_(-_RGB_SHIFT, _RGB_SHIFT)
        image = (image.float() + shift).round().clamp(0, 255).to(torch.uint8)
    return image

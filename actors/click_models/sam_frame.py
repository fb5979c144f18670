"""Where an image lies in the input of a SAM model: points go in, masks come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mfp.clicks import Click


@dataclass(frozen=True)
class SamFrame:
    """How one image was resized.

    SAM scales the longest side to that of its input and fills the rest below and to the right with zeros; later models
    stretch the image to the whole input.

    Attributes:
        image_size: (height, width) of the image.
        filled_size: (height, width) of the part of the input that it fills, from the top left corner on.
        input_size: (height, width) of the input.
        is_padded: it fills a part, as in SAM.
    """

    image_size: tuple[int, int]
    filled_size: tuple[int, int]
    input_size: tuple[int, int]
    is_padded: bool

    def points(self, clicks: Sequence[Click]) -> Tensor:
        """(N, 2) of every click's (x, y) in pixels of the input; the models go to the middle of the pixel themselves.

        float64 for SAM, else float32, as their own processors count: a rounding more or less shows in the masks.
        """
        places = [(click.x, click.y) for click in clicks]
        points = torch.tensor(places, dtype=torch.float64 if self.is_padded else torch.float32)
        points[:, 0] *= self.filled_size[1] / self.image_size[1]
        points[:, 1] *= self.filled_size[0] / self.image_size[0]
        return points

    def image_logits(self, logits: Tensor) -> Tensor:
        """(1, 1, H, W) logits of the image from the (1, 1, h, w) logits of the input."""
        if self.is_padded:
            height, width = self.filled_size
            logits = _resized(logits, self.input_size)[..., :height, :width]
        return _resized(logits, self.image_size)


def _resized(logits: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(logits, size, mode="bilinear", align_corners=False)

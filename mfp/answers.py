"""Whether what a click model answered is what the port says; if not, one line that names the model and the rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from mfp.click_model import Image
from mfp.errors import ClickModelError


def check_logits_form(name: str, logits: object, image: torch.Tensor) -> None:
    """Check type, shape and dtype of a crop model's answer to crops `image`, (B, 3, H, W).

    Raises:
        ClickModelError: it is no floating tensor of shape (B, 1, H, W).
    """
    wanted = (image.shape[0], 1, *image.shape[2:])
    if not isinstance(logits, torch.Tensor):
        raise ClickModelError(
            f"click model {name} gave a {type(logits).__name__}: must be a tensor {wanted} of logits"
        )
    if tuple(logits.shape) != wanted or not logits.is_floating_point():
        raise ClickModelError(
            f"click model {name} gave logits {tuple(logits.shape)} {_short(logits.dtype)}: must be {wanted} of a "
            "floating type"
        )


def check_logits_values(name: str, logits: torch.Tensor) -> None:
    """Check the numbers of a crop model's answer.

    Raises:
        ClickModelError: some are NaN or infinite.
    """
    check_finite(name, bool(torch.isfinite(logits).all()))


def check_finite(name: str, is_finite: bool) -> None:
    """Check what was found of the numbers of a crop model's answer.

    Raises:
        ClickModelError: some are NaN or infinite.
    """
    if not is_finite:
        raise ClickModelError(
            f"click model {name} gave logits with NaN or infinite values: all must be finite"
        )


def check_maps_form(name: str, maps: object, images: Sequence[Image]) -> None:
    """Check types, shapes and dtypes of a session model's answer to one turn on each of the images.

    Raises:
        ClickModelError: it is no list of (H, W) float32 arrays, one a turn.
    """
    if not isinstance(maps, list | tuple) or len(maps) != len(images):
        number = f" of {len(maps)}" if isinstance(maps, list | tuple) else ""
        raise ClickModelError(
            f"click model {name} gave a {type(maps).__name__}{number} for {len(images)} turns: must be a list with an "
            "array for each"
        )
    for array, image in zip(maps, images, strict=True):
        wanted = image.shape[:2]
        if not isinstance(array, np.ndarray):
            raise ClickModelError(
                f"click model {name} gave a map that is a {type(array).__name__}: must be an array {wanted} float32"
            )
        if array.shape != wanted or array.dtype != np.float32:
            raise ClickModelError(
                f"click model {name} gave a map {array.shape} {array.dtype}: must be {wanted} float32"
            )


def check_map_values(name: str, prob: npt.NDArray[np.float32]) -> None:
    """Check the numbers of one map of a session model.

    Raises:
        ClickModelError: some are NaN or outside [0, 1].
    """
    low, high = float(prob.min()), float(prob.max())
    if not (low >= 0 and high <= 1):  # not for NaN either
        raise ClickModelError(
            f"click model {name} gave a map {prob.shape} with values from {low:g} to {high:g}: all must be in [0, 1]"
        )


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

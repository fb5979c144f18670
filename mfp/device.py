"""Whether a device is there."""

from __future__ import annotations

import torch

from mfp.errors import DeviceError


def check_device(device: torch.device) -> None:
    """Raise DeviceError if it is a GPU, and PyTorch finds none here."""
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"device {device}: PyTorch {torch.__version__} finds no CUDA GPU here; take device cpu"
        )

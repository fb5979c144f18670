"""TensorFloat-32: float32 products on CUDA whose factors keep 10 bits of their 23."""

from __future__ import annotations

import torch


def allow_tf32(is_allowed: bool) -> None:
    """Whether CUDA may use it, in this process; PyTorch lets convolutions do so unless it is told otherwise.

    Source: PyTorch's notes on CUDA, "TensorFloat-32 (TF32) on Ampere (and later) devices".
    """
    kind = "tf32" if is_allowed else "ieee"
    torch.backends.cuda.matmul.fp32_precision = kind
    torch.backends.cudnn.conv.fp32_precision = kind  # type: ignore[attr-defined]

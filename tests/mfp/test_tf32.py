from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from mfp.tf32 import allow_tf32


def settings() -> tuple[str, str]:
    return torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def same_settings_afterwards() -> Iterator[None]:
    matmul, conv = settings()
    yield
    torch.backends.cuda.matmul.fp32_precision = matmul
    torch.backends.cudnn.conv.fp32_precision = conv  # type: ignore[attr-defined]


def test_pytorch_lets_convolutions_use_it_until_it_is_told_otherwise() -> None:
    """If this fails, PyTorch's own choice has changed, and the module may no longer be needed."""
    code = (
        "import torch; print(torch.backends.cudnn.conv.fp32_precision)"  # in a process that nobody has told
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() != "ieee"


def test_products_and_convolutions_use_it_if_it_is_allowed_and_only_then() -> None:
    allow_tf32(False)
    assert settings() == ("ieee", "ieee")
    allow_tf32(True)
    assert settings() == ("tf32", "tf32")

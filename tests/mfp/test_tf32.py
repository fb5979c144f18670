from __future__ import annotations

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


def test_products_and_convolutions_use_it_if_it_is_allowed_and_only_then() -> None:
    assert settings()[1] != "ieee", (
        "PyTorch's own choice for convolutions has changed: is this module still needed?"
    )
    allow_tf32(False)
    assert settings() == ("ieee", "ieee")
    allow_tf32(True)
    assert settings() == ("tf32", "tf32")

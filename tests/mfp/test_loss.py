from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mfp.loss import normalized_focal_loss
from tests.golden_pieces import GOLDEN_DIRECTORIES

NUM_RECORDED = 6


@pytest.mark.parametrize("directory", GOLDEN_DIRECTORIES)
@pytest.mark.parametrize("case", range(NUM_RECORDED))
def test_loss_and_gradient_equal_the_recorded_ones(directory: Path, case: int) -> None:
    pieces = np.load(directory / "training_pieces.npz")
    logits = torch.from_numpy(pieces[f"nfl_logits_{case}"]).requires_grad_()
    loss = normalized_focal_loss(logits, torch.from_numpy(pieces[f"nfl_label_{case}"]))
    (gradient,) = torch.autograd.grad(loss.mean(), logits)
    np.testing.assert_allclose(loss.detach().numpy(), pieces[f"nfl_loss_{case}"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(gradient.numpy(), pieces[f"nfl_grad_{case}"], rtol=0, atol=1e-5)


def test_ignored_pixels_have_no_gradient_and_do_not_change_the_loss() -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, 1, 6, 8)
    label = (torch.rand(1, 1, 6, 8) > 0.5).to(torch.int8)
    label[..., 4:] = -1
    other = logits.clone()
    other[..., 4:] = 30.0
    other.requires_grad_()
    loss = normalized_focal_loss(other, label)
    (gradient,) = torch.autograd.grad(loss.sum(), other)
    assert torch.equal(loss.detach(), normalized_focal_loss(logits, label))
    assert not gradient[..., 4:].any()


def test_a_sample_without_valid_pixels_has_loss_0_and_no_gradient() -> None:
    logits = torch.randn(2, 1, 4, 4).requires_grad_()
    label = torch.ones(2, 1, 4, 4)
    label[1] = -1
    loss = normalized_focal_loss(logits, label)
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert loss[1] == 0
    assert not gradient[1].any()


@pytest.mark.parametrize("logit", [-100.0, 0.0, 100.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_saturated_logits_give_finite_loss_and_gradient(logit: float, dtype: torch.dtype) -> None:
    logits = torch.full((1, 1, 4, 4), logit, dtype=dtype).requires_grad_()
    label = torch.tensor([0, 1, -1, 1], dtype=torch.int8).expand(1, 1, 4, 4)
    loss = normalized_focal_loss(logits, label)
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss).all()
    assert torch.isfinite(gradient).all()


def test_losses_of_a_batch_are_those_of_its_samples() -> None:
    torch.manual_seed(1)
    logits, label = torch.randn(3, 1, 5, 5), torch.randint(-1, 2, (3, 1, 5, 5))
    alone = torch.cat([normalized_focal_loss(logits[i : i + 1], label[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(normalized_focal_loss(logits, label), alone)

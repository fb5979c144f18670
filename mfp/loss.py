"""The normalized focal loss, and the cross entropy of auxiliary heads."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

ALPHA = 0.5
GAMMA = 2.0
_SMALLEST = 1e-12


def normalized_focal_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Focal loss whose weights add up to the number of valid pixels of each sample.

    With y the label and p = sigmoid(logit): pt = 1 - |y - p|, beta = (1 - pt)^gamma, beta scaled per sample by
    (valid pixels / sum of beta), a factor without gradient; loss = -alpha beta log(pt), averaged over valid pixels.

    Args:
        logits: (B, 1, H, W) float.
        label: (B, 1, H, W), 1 object, 0 background, -1 ignored.

    Returns:
        (B,) float32, 0 for a sample without valid pixels.
    """
    logits = logits.float()
    valid = label != -1
    probability = torch.sigmoid(logits)
    correct = torch.where(valid, 1.0 - (label.float() - probability).abs(), 1.0)
    beta = (1.0 - correct) ** GAMMA
    num_valid = valid.sum(dim=(1, 2, 3)).float()
    with torch.no_grad():
        factor = num_valid / beta.sum(dim=(1, 2, 3)).clamp_min(_SMALLEST)
    weighted = beta * factor[:, None, None, None] * (correct + _SMALLEST).clamp_max(1.0).log()
    return -ALPHA * weighted.sum(dim=(1, 2, 3)) / num_valid.clamp_min(1.0)


def masked_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Binary cross entropy, averaged over the valid pixels of each sample. Arguments and result as above."""
    valid = label != -1
    losses = functional.binary_cross_entropy_with_logits(
        logits.float(), (label == 1).float(), reduction="none"
    )
    return torch.where(valid, losses, 0.0).sum(dim=(1, 2, 3)) / valid.sum(dim=(1, 2, 3)).clamp_min(1)

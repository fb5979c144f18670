"""One step of recursive training: click, predict, click again; the loss is taken on the last round."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mfp.clicks import Click
from mfp.loss import normalized_focal_loss
from mfp.network import ModulatedNetwork
from mfp.training.click_sampling import first_click, next_training_click

MAX_ROUNDS = 24
ROUND_DECAY = 0.8


@dataclass(frozen=True)
class TrainingBatch:
    """Crops and the objects to be clicked in them.

    Attributes:
        image: (B, 3, H, W) float32, RGB in [0, 1].
        label: (B, 1, H, W) int8, 1 object, 0 background, -1 ignored; every sample has an object pixel.
    """

    image: Tensor
    label: Tensor


@dataclass(frozen=True)
class StepResult:
    """What came out of a step.

    Attributes:
        loss: scalar, differentiable.
        iou: mean IoU of the last round's prediction (at 0.5) over the batch, in [0, 1].
        num_rounds: n of this step.
    """

    loss: Tensor
    iou: float
    num_rounds: int


def draw_num_rounds(rng: np.random.Generator) -> int:
    """n in 1..24 with probability proportional to 0.8^(n-1); its mean is 4.9. All workers of a step share one draw."""
    weights = ROUND_DECAY ** np.arange(MAX_ROUNDS)
    return 1 + int(rng.choice(MAX_ROUNDS, p=weights / weights.sum()))


def recursive_step(
    network: ModulatedNetwork,
    batch: TrainingBatch,
    num_rounds: int,
    rng: np.random.Generator,
    recursion_dtype: torch.dtype = torch.float32,
) -> StepResult:
    """Play num_rounds clicks on every sample and return the loss of the last answer.

    The rounds before the last run in eval mode without gradient; the map is carried as probabilities. A sample whose
    prediction has no error gets no further click. The network is left in train mode; the caller steps the optimizer.

    Args:
        network: on the device of the batch.
        batch: crops and labels.
        num_rounds: n >= 1.
        rng: draws the clicks.
        recursion_dtype: of the rounds without gradient; bfloat16 is several times faster where a processor has
            matrix units for it.
    """
    labels = batch.label[:, 0].cpu().numpy()
    clicks: list[list[Click]] = [[first_click(label == 1, rng)] for label in labels]
    network.eval()
    with torch.no_grad(), _autocast(batch.image.device, recursion_dtype):
        prob = network.first_map(batch.image, clicks)
        for _ in range(num_rounds - 1):
            prob = torch.sigmoid(network.forward_map(batch.image, prob, clicks).float())
            _click_again(clicks, prob, labels, rng)
    network.train()
    logits = network.forward_map(batch.image, prob, clicks).float()
    loss = normalized_focal_loss(logits, batch.label).mean()
    return StepResult(loss, _mean_iou(logits.detach(), batch.label), num_rounds)


def _autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def _click_again(
    clicks: list[list[Click]],
    prob: Tensor,
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int8]],
    rng: np.random.Generator,
) -> None:
    maps = prob[:, 0].cpu().numpy()
    for sequence, probability, label in zip(clicks, maps, labels, strict=True):
        click = next_training_click(probability, label, rng)
        if click is not None:
            sequence.append(click)


def _mean_iou(logits: Tensor, label: Tensor) -> float:
    predicted, valid = (logits > 0) & (label != -1), label == 1
    intersection = (predicted & valid).flatten(1).sum(1)
    union = (predicted | valid).flatten(1).sum(1)
    return float((intersection / union.clamp_min(1)).mean())

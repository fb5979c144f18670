"""One step of training: clicks and predictions without gradient, then the pass (or passes) that the weights learn from.

Recursive (the method's own way): one click inside the object, then round after round a click in the error of the last
prediction, whose probabilities are carried as the next previous map; up to 24 rounds.

Not recursive (rows I and III of the paper's component table, for which no procedure is written down beside the table;
this is our reading, after the trainers of the same family): as many clicks as a recursion would have had rounds
are drawn at once from the truth, knowing nothing of any prediction; the previous map is the answer to empty
maps; then come at most 3 rounds in which the click answers the last prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mfp.clicks import Click
from mfp.loss import masked_cross_entropy, normalized_focal_loss
from mfp.training.click_sampling import first_click, next_training_click, random_clicks
from mfp.training.recipe import LossRounds, Recipe
from mfp.training.trainable import TrainableNetwork

MAX_ROUNDS = 24
ROUND_DECAY = 0.8
MAX_ROUNDS_WITHOUT_RECURSION = 3
AUXILIARY_WEIGHT = 0.4

SampleMap: TypeAlias = Callable[..., Any]
"""`map`, or one that works on several samples at a time, such as that of a pool of threads."""

_DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class TrainingBatch:
    """Crops and the objects to be clicked in them.

    Attributes:
        image: (B, 3, H, W) float32, RGB in [0, 1].
        label: (B, 1, H, W) int8, 1 object, 0 background, -1 ignored; every sample has an object pixel.
        weight: (B,) float32, each sample's weight in the loss.
    """

    image: Tensor
    label: Tensor
    weight: Tensor

    def part(self, index: int, num_parts: int) -> TrainingBatch:
        """Every num_parts-th sample from `index` on."""
        rows = slice(index, None, num_parts)
        return TrainingBatch(self.image[rows], self.label[rows], self.weight[rows])


@dataclass(frozen=True)
class StepSettings:
    """How a step is made.

    Attributes:
        recursive: see the module.
        loss_rounds: the loss is that of the last round, or the mean over all rounds, each with a gradient of its own.
        precision: of the passes with gradient.
        recursion_precision: of the passes without; bfloat16 is several times faster where a processor has matrix
            units for it, and the weights' gradient stays float32.
        frozen_statistics: batch norms use the running statistics they have, as in eval mode, and leave them as they
            are: a few images would replace those of thousands. Their scale and shift are learned all the same.
    """

    recursive: bool = True
    loss_rounds: LossRounds = "last"
    precision: torch.dtype = torch.float32
    recursion_precision: torch.dtype = torch.float32
    frozen_statistics: bool = False

    @classmethod
    def of(cls, recipe: Recipe) -> StepSettings:
        """Those of a recipe whose precisions are chosen: they are not "auto" any more."""
        return cls(
            recipe.recursive,
            recipe.loss_rounds,
            _DTYPES[recipe.precision],
            _DTYPES[recipe.recursion_precision],
            recipe.frozen_statistics,
        )


@dataclass(frozen=True)
class Rounds:
    """What all workers of a step share: independent draws would make the fastest wait for the slowest.

    Attributes:
        num_clicks: clicks drawn from the truth before the first prediction.
        num_rounds: predictions, the one with the gradient included.
    """

    num_clicks: int
    num_rounds: int


@dataclass(frozen=True)
class StepFigures:
    """What came out of a part of a step.

    Attributes:
        loss: sum over the samples of weight times loss.
        iou: sum over the samples of the IoU of the last round's prediction (at 0.5), each in [0, 1].
        num_samples: how many.
    """

    loss: float
    iou: float
    num_samples: int


class GradientPass(nn.Module):
    """The pass that DistributedDataParallel wraps: gradients are exchanged on the way back through its `forward`.

    The passes without gradient run on the bare network, where nothing is to be exchanged.
    """

    def __init__(self, network: TrainableNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]
    ) -> tuple[Tensor, Tensor | None]:
        """Logits and auxiliary logits, see TrainableNetwork.forward_training."""
        return self.network.forward_training(image, prob, clicks)


def draw_num_rounds(rng: np.random.Generator) -> int:
    """n in 1..24 with probability proportional to 0.8^(n-1); its mean is 4.9."""
    weights = ROUND_DECAY ** np.arange(MAX_ROUNDS)
    return 1 + int(rng.choice(MAX_ROUNDS, p=weights / weights.sum()))


def draw_rounds(rng: np.random.Generator, *, recursive: bool) -> Rounds:
    """The draw of a step."""
    number = draw_num_rounds(rng)
    if recursive:
        return Rounds(num_clicks=1, num_rounds=number)
    return Rounds(num_clicks=number, num_rounds=1 + int(rng.integers(MAX_ROUNDS_WITHOUT_RECURSION + 1)))


def no_contexts(_: bool) -> AbstractContextManager[object]:
    """For one worker: nothing is exchanged."""
    return nullcontext()


def accumulate_gradients(
    gradient_pass: Callable[..., tuple[Tensor, Tensor | None]],
    network: TrainableNetwork,
    batch: TrainingBatch,
    rounds: Rounds,
    rngs: Sequence[np.random.Generator],
    settings: StepSettings,
    backward: Callable[[Tensor], None],
    exchanging: Callable[[bool], AbstractContextManager[object]] = no_contexts,
    sample_map: SampleMap = map,
) -> StepFigures:
    """Play the rounds on every sample and go back through those that count. The caller steps the optimizer.

    The rounds without gradient run in eval mode; a sample whose prediction has no error gets no further click.
    The network is left in train mode, its batch norms too unless their statistics are frozen.

    Args:
        gradient_pass: a GradientPass around `network`, or DistributedDataParallel around that.
        network: on the device of the batch.
        batch: crops and labels.
        rounds: of this step.
        rngs: B sources of draws, one per sample: what is drawn for it does not depend on its neighbours.
        settings: how the step is made.
        backward: goes back from a scalar: the batch's weighted losses summed, over the number of rounds that count.
        exchanging: the context of a pass; True for the last of this call.
        sample_map: goes through the samples of the batch to click them. Clicks do not depend on it.
    """
    labels = batch.label[:, 0].cpu().numpy()
    clicks = list(sample_map(_first_clicks, labels, [rounds.num_clicks] * len(labels), rngs))
    device = batch.image.device
    num_losses = rounds.num_rounds if settings.loss_rounds == "all" else 1
    network.eval()
    # one context for all of them: leaving it forgets the weights that it has converted
    with torch.no_grad(), autocast_to(device, settings.recursion_precision):
        prob = network.first_map(batch.image, clicks)
        for _ in range(rounds.num_rounds - num_losses):
            prob = torch.sigmoid(network.forward_map(batch.image, prob, clicks).float())
            _click_again(clicks, prob, labels, rngs, sample_map)
    network.train()
    if settings.frozen_statistics:
        freeze_statistics(network)
    total_loss, iou = torch.zeros(2, dtype=torch.float64, device=device)  # read once: a GPU is waited for
    for round_idx in range(num_losses):
        is_last = round_idx == num_losses - 1
        with exchanging(is_last):
            with autocast_to(device, settings.precision):
                logits, auxiliary = gradient_pass(batch.image, prob, clicks)
            loss = (batch.weight * _losses(logits, auxiliary, batch.label)).sum() / num_losses
            backward(loss)
        total_loss += loss.detach()
        if is_last:
            iou = _sum_of_ious(logits.detach(), batch.label)
        else:
            prob = torch.sigmoid(logits.detach().float())
            _click_again(clicks, prob, labels, rngs, sample_map)
    return StepFigures(float(total_loss), float(iou), len(labels))


def _first_clicks(label: NDArray[np.int8], number: int, rng: np.random.Generator) -> list[Click]:
    """Before the first prediction: one inside the object, and the others anywhere."""
    return [first_click(label == 1, rng), *random_clicks(label, number - 1, rng)]


def freeze_statistics(network: TrainableNetwork) -> None:
    """Have the batch norms use their running statistics and leave them as they are, until `network.train()`."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _losses(logits: Tensor, auxiliary: Tensor | None, label: Tensor) -> Tensor:
    """(B,) float32: the normalized focal loss, and 0.4 of the cross entropy of an auxiliary head."""
    losses = normalized_focal_loss(logits.float(), label)
    if auxiliary is not None:
        losses = losses + AUXILIARY_WEIGHT * masked_cross_entropy(auxiliary.float(), label)
    return losses


def autocast_to(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Return the context in which passes compute in `dtype`."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def _click_again(
    clicks: list[list[Click]],
    prob: Tensor,
    labels: NDArray[np.int8],
    rngs: Sequence[np.random.Generator],
    sample_map: SampleMap,
) -> None:
    maps = prob[:, 0].cpu().numpy()
    for sequence, click in zip(clicks, sample_map(next_training_click, maps, labels, rngs), strict=True):
        if click is not None:
            sequence.append(click)


def _sum_of_ious(logits: Tensor, label: Tensor) -> Tensor:
    """() float32."""
    predicted, is_object = (logits > 0) & (label != -1), label == 1
    intersection = (predicted & is_object).flatten(1).sum(1)
    union = (predicted | is_object).flatten(1).sum(1)
    return (intersection / union.clamp_min(1)).sum()

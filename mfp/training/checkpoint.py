"""Everything a training run needs to go on where it stopped, as bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mfp.errors import TrainingError
from mfp.training.averaging import WeightAverage

_OF_THIS_START = ("base_lr", "fused")
"""What the present options and the present device say of an optimizer's groups, whatever a checkpoint has."""


@dataclass(frozen=True)
class TrainingState:
    """What changes while a network is trained."""

    network: nn.Module
    average: WeightAverage
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler


@dataclass(frozen=True)
class Checkpoint:
    """State after `step` steps, which is also the position in the stream of batches.

    Random draws need no state: each is keyed by the seed and by what it is drawn for. The schedule is a
    function of the step.
    """

    step: int
    weights: dict[str, Tensor]
    average: dict[str, Tensor]
    average_updates: int
    optimizer: dict[str, Any]
    scaler: dict[str, Any]

    def to_bytes(self) -> bytes:
        """Serialise; the result is read back without running code from it."""
        buffer = io.BytesIO()
        torch.save(vars(self), buffer)
        return buffer.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> Checkpoint:
        """Read a checkpoint; TrainingError if the bytes are none."""
        try:
            return _checked(Checkpoint(**torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")))
        except Exception as error:
            raise TrainingError(
                f"checkpoint of {len(data)} bytes cannot be read ({type(error).__name__}); "
                "delete it to go on from the one before"
            ) from None


def _checked(checkpoint: Checkpoint) -> Checkpoint:
    parts = (checkpoint.weights, checkpoint.average, checkpoint.optimizer, checkpoint.scaler)
    if not (type(checkpoint.step) is type(checkpoint.average_updates) is int):
        raise TypeError("steps that are no whole numbers")
    if not all(isinstance(part, dict) for part in parts):
        raise TypeError("state that is no dictionary")
    return checkpoint


def take_checkpoint(step: int, state: TrainingState) -> Checkpoint:
    """The present state, by reference."""
    return Checkpoint(
        step,
        state.network.state_dict(),
        state.average.tensors,
        state.average.num_updates,
        state.optimizer.state_dict(),
        state.scaler.state_dict(),
    )


def restore_checkpoint(checkpoint: Checkpoint, state: TrainingState) -> None:
    """Put a checkpoint's state in place; TrainingError if it is of another network."""
    try:
        state.network.load_state_dict(checkpoint.weights)
        state.average.restore(checkpoint.average, checkpoint.average_updates)
        groups = [
            {**saved, **{name: own[name] for name in _OF_THIS_START}}
            for saved, own in zip(
                checkpoint.optimizer["param_groups"], state.optimizer.param_groups, strict=True
            )
        ]
        state.optimizer.load_state_dict({**checkpoint.optimizer, "param_groups": groups})
        state.scaler.load_state_dict(checkpoint.scaler)
    except (RuntimeError, KeyError, ValueError):
        raise TrainingError(
            f"checkpoint at step {checkpoint.step} is of another network; go on with the model it was begun with, "
            "or give another directory"
        ) from None

"""Recorded logits of released networks: their inputs, their answers, and our networks filled with their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor

from mfp.clicks import Click
from mfp.models.released_keys import KeyRules, rename_released
from mfp.models.vit import ViTConfig
from mfp.modulation import ModulationSettings
from mfp.network import ClickSettings, ModulatedNetwork
from tests.golden_weights import golden_state_dict
from tests.shared_data import SHARED

NetworkT = TypeVar("NetworkT", bound=ModulatedNetwork)

COPIED = Path(__file__).parent / "data" / "golden"
RELEASE = ClickSettings(ModulationSettings("release", num_probability_clicks=7, max_radius=100.0))

VIT_TINY = ViTConfig(
    width=48, depth=4, num_heads=3, input_size=224, pyramid_widths=(8, 16, 32, 64), clicks=RELEASE
)


@dataclass(frozen=True)
class GoldenPass:
    """One recorded pass: `prev` is all zero before first clicks."""

    image: Tensor
    prev: Tensor
    clicks: list[list[Click]]
    logits: np.ndarray
    aux: np.ndarray | None


def golden_file(name: str, suffix: str) -> Path:
    """A file of recorded values, from the copies in the tests or the shared directory; else the test is skipped."""
    for folder in (COPIED, SHARED / "golden"):
        if (folder / f"{name}{suffix}").exists():
            return folder / f"{name}{suffix}"
    pytest.skip(f"the recorded values of {name} are too large to travel with the tests")


def golden_pass(name: str, which: str) -> GoldenPass:
    """The recorded pass `next` (a later click) or `first` of a network."""
    with np.load(golden_file(name, ".npz")) as golden:
        prev = torch.from_numpy(golden["prev"])
        return GoldenPass(
            torch.from_numpy(golden["image"]),
            prev if which == "next" else torch.zeros_like(prev),
            golden_clicks(golden[f"points_{which}"]),
            golden[f"logits_{which}"],
            golden.get(f"aux_{which}"),
        )


def golden_clicks(points: np.ndarray) -> list[list[Click]]:
    """(B, 2n, 3) rows (y, x, order), foreground first, unused -1 -> one sequence a sample, in order."""
    sequences = []
    for rows in points:
        num_foreground = len(rows) // 2
        ordered = sorted((order, i) for i, (_, _, order) in enumerate(rows) if order >= 0)
        sequences.append(
            [Click(float(rows[i][0]), float(rows[i][1]), i < num_foreground) for _, i in ordered]
        )
    return sequences


def golden_weights(name: str) -> Mapping[str, Tensor]:
    """The released state dict of a network, with its stand-in weights."""
    return golden_state_dict(golden_file(name, "_keys.json"))


def load_golden(network: NetworkT, name: str, rules: KeyRules) -> NetworkT:
    """The network with the stand-in weights, in eval mode."""
    renamed = rename_released(golden_weights(name), rules, network.state_dict())
    assert renamed.is_complete, renamed.summary()
    network.load_state_dict(renamed.tensors)
    return network.eval()

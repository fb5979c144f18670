"""Released tensor names under ours: nothing lost in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mfp.models.released_keys import VIT_RULES, rename_released
from mfp.models.vit import ViT
from tests.golden_networks import VIT_TINY
from tests.golden_weights import golden_state_dict

KEYS = Path(__file__).parents[1] / "data" / "golden" / "vit_tiny_keys.json"


@pytest.fixture
def released() -> dict[str, Tensor]:
    return dict(golden_state_dict(KEYS))


@pytest.fixture
def ours() -> dict[str, Tensor]:
    return ViT(VIT_TINY).state_dict()


def test_a_released_vit_fills_every_tensor(released: dict[str, Tensor], ours: dict[str, Tensor]) -> None:
    renamed = rename_released(released, VIT_RULES, ours)
    assert renamed.is_complete
    assert renamed.summary() == "149 tensors loaded, 21 unused ones left out, 0 missing, 0 unexpected"
    assert len(renamed.tensors) + len(renamed.dropped) == len(released)


def test_the_row_of_the_class_token_leaves_the_position_table(
    released: dict[str, Tensor], ours: dict[str, Tensor]
) -> None:
    table = rename_released(released, VIT_RULES, ours).tensors["backbone.position"]
    assert torch.equal(table, released["backbone.pos_embed"][:, 1:])


def test_misfits_are_reported_by_part_of_the_network(
    released: dict[str, Tensor], ours: dict[str, Tensor]
) -> None:
    del released["head.conv_seg.bias"], released["neck.down_4.0.weight"], released["neck.down_4.0.bias"]
    released["head.aux.weight"] = torch.zeros(1)
    released["optimizer"] = torch.zeros(1)
    renamed = rename_released(released, VIT_RULES, ours)
    assert not renamed.is_complete
    assert renamed.missing == ("pyramid.stride4.0.weight", "pyramid.stride4.0.bias", "head.classify.bias")
    assert renamed.unexpected == ("head.aux.weight", "optimizer")
    assert renamed.summary().endswith(
        "3 missing (pyramid.stride4: 2, head.classify: 1), 2 unexpected (head.aux: 1, optimizer: 1)"
    )


def test_a_tensor_of_another_shape_is_named_and_left_out(
    released: dict[str, Tensor], ours: dict[str, Tensor]
) -> None:
    released["backbone.pos_embed"] = torch.zeros(1, 785, 48)
    renamed = rename_released(released, VIT_RULES, ours)
    assert not renamed.is_complete
    assert renamed.misshapen == ("backbone.position (1, 784, 48), ours (1, 196, 48)",)
    assert renamed.missing == ()
    assert "backbone.position" not in renamed.tensors
    assert "1 of another shape: backbone.position (1, 784, 48)" in renamed.summary()

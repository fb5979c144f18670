"""Foreign weights become model files: the recorded answers come out, and what does not fit is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn import functional

from mfp.conversion import Conversion, convert_weights
from mfp.errors import WeightsError
from mfp.model_file import ModelFile, model_from_bytes, model_to_bytes
from mfp.models.hrnet18 import HRNet18Config
from mfp.models.lite0 import Lite0Config
from mfp.models.registry import build_network
from mfp.models.resnet34 import ResNet34Config
from mfp.models.vit import ViTConfig
from mfp.modulation import ModulationSettings
from mfp.network import BASELINE_CLICKS, ClickSettings
from tests.golden_networks import VIT_TINY, golden_pass, golden_weights
from tests.mfp.network_factories import crop_batch
from tests.released_files import PARAMS, released_content, released_of, saved, with_loss

VIT_PARAMS = {**PARAMS, "backbone_params": {"num_heads": 3}}
RELEASED = {
    "vit_tiny": ("MFP ViT", VIT_PARAMS),
    "simpleclick_vit_tiny": ("SimpleClick ViT", VIT_PARAMS),
    "hrnet18_ocr": ("MFP HRNet-18", PARAMS),
    "ritm_hrnet18": ("RITM HRNet-18", PARAMS),
    "resnet34_deeplab": ("MFP ResNet-34", PARAMS),
}


def as_file(conversion: Conversion) -> ModelFile:
    return model_from_bytes(model_to_bytes(conversion.config, conversion.tensors, conversion.facts))


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_checkpoint_becomes_a_model_file_that_answers_as_recorded(name: str) -> None:
    title, params = RELEASED[name]
    conversion = convert_weights(with_loss(released_content(name, params)))
    assert conversion.title.startswith(title)
    assert "0 missing, 0 unexpected" in conversion.summary
    assert not any("does not say" in note for note in conversion.notes)
    model = as_file(conversion)
    for which in ("next", "first"):
        golden = golden_pass(name, which)
        with torch.inference_mode():
            logits = model.network.predict(crop_batch(golden.image, golden.prev, golden.clicks))
        tolerance = 1e-4 * max(1.0, float(np.ptp(golden.logits)))
        np.testing.assert_allclose(logits.numpy(), golden.logits, rtol=0, atol=tolerance)
    is_baseline = name in {"simpleclick_vit_tiny", "ritm_hrnet18"}
    clicks = model.network.click_settings
    assert (clicks == BASELINE_CLICKS) == is_baseline
    assert is_baseline or clicks == ClickSettings(ModulationSettings("release", 7, 100.0), 5.0, 0.5)


def test_the_settings_are_those_of_the_file() -> None:
    params = {"norm_radius": 4, "prob": {"N": 3, "r_max": 50}, "backbone_params": {"num_heads": 3}}
    config = convert_weights(saved(released_content("vit_tiny", params), legacy=True)).config
    assert config.clicks == ClickSettings(ModulationSettings("release", 3, 50.0), 4.0)
    assert isinstance(config, ViTConfig)
    assert (config.num_heads, config.input_size, config.head_width) == (3, 224, VIT_TINY.head_width)


def test_what_the_file_does_not_say_is_taken_as_published_and_said() -> None:
    conversion = convert_weights(saved(released_content("vit_tiny", {"num_heads": 3})))
    assert conversion.config == VIT_TINY
    assert conversion.notes[0] == (
        "the file does not say: disk radius 5, N 7, R_max 100 (published values taken)"
    )


def test_the_licence_of_masked_autoencoders_is_told_and_recorded() -> None:
    conversion = convert_weights(saved(released_content("vit_tiny", VIT_PARAMS)))
    assert "no commercial use" in conversion.notes[-1]
    assert as_file(conversion).facts["licence"] == conversion.notes[-1]


@pytest.mark.parametrize(
    "wrappers", ["module.", "model.", "_orig_mod.", "module._orig_mod.", "module.model."]
)
def test_half_precision_weights_and_names_of_wrappers_are_taken(wrappers: str) -> None:
    state = {f"{wrappers}{name}": tensor.half() for name, tensor in golden_weights("vit_tiny").items()}
    tensors = convert_weights(saved(released_of(state, VIT_PARAMS))).tensors
    assert {tensor.dtype for tensor in tensors.values() if tensor.ndim} == {torch.float32}


def test_names_that_repeat_a_wrapper_without_end_fit_nothing() -> None:
    state = {f"{'module.' * 3000}{name}": tensor for name, tensor in golden_weights("vit_tiny").items()}
    with pytest.raises(WeightsError):
        convert_weights(saved(released_of(state, VIT_PARAMS)))


def test_tensors_that_do_not_fit_are_listed_in_groups() -> None:
    state = dict(golden_weights("vit_tiny"))
    for name in ("head.conv_seg.bias", "backbone.blocks.1.norm1.weight", "backbone.blocks.1.norm1.bias"):
        del state[name]
    state["head.aux.weight"] = torch.zeros(1)
    with pytest.raises(WeightsError) as caught:
        convert_weights(saved(released_of(state, VIT_PARAMS)))
    message = str(caught.value)
    assert "3 missing (backbone.blocks: 2, head.classify: 1)" in message
    assert "1 unexpected (head.aux: 1)" in message
    assert "\n" not in message


def many_tensors() -> dict[str, Tensor]:
    return {f"layer{i}.weight": torch.zeros(1) for i in range(20)}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1}]}, "state of an optimizer"),
        ({"epoch": 3, "optimizer": {"state": {}}}, "state of an optimizer"),
        ([{"state_dict": {}}, {"state_dict": {}}], "list of 2 parts, as models of several stages"),
        ({"state_dict": [{}, {}, {}]}, "list of 3 parts"),
        ({"epoch": 3, "loss": 0.5}, 'dictionary with the entries "epoch", "loss"'),
        ({}, r"the entries \(none\)"),
        (torch.zeros(2, 3), r"a single tensor \(2, 3\)"),
        ("weights", "an object of type str"),
        ({"fc.weight": torch.zeros(2)}, r"1 tensors of no network known here \(fc.weight: 1\); known are"),
        (many_tensors(), "8 more groups"),
        (
            {"pos_embed": torch.zeros(1, 16, 64), "blocks.0.attn.qkv.weight": torch.zeros(1)}
            | {"patch_embed.proj.weight": torch.zeros(64, 3, 16, 16)},
            "16 positions: must be those of a square",
        ),
        (
            {"layer4.0.conv1.weight": torch.zeros(1), "conv1.weight": torch.zeros(1)},
            "a ResNet that is not ResNet-34",
        ),
        ({"stage4.0.fuse_layers.0.1.0.weight": torch.zeros(32, 64, 1, 1)}, "HRNet-W32"),
    ],
)
def test_other_files_are_refused_with_what_they_are(content: object, kind: str) -> None:
    with pytest.raises(WeightsError, match=kind) as caught:
        convert_weights(saved(content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        (("patch_embed_coords.proj.weight", "backbone.pos_embed"), (2,)),
        (("pos_embed", "patch_embed.proj.weight", "blocks.0.attn.qkv.weight"), (1,)),
        (("maps_transform.0.weight", "feature_extractor.aspp.project.0.weight"), ()),
        (("stage4.0.fuse_layers.0.1.0.weight",), ()),
    ],
)
def test_known_names_with_shapes_of_no_network_are_refused(
    names: tuple[str, ...], shape: tuple[int, ...]
) -> None:
    with pytest.raises(WeightsError) as caught:
        convert_weights(saved({name: torch.zeros(shape) for name in names}))
    assert "\n" not in str(caught.value)


def vit_with(change: dict[str, Tensor], **params: object) -> bytes:
    state = dict(golden_weights("vit_tiny")) | change
    return saved({"state_dict": state, "config": {"params": {"num_heads": 3} | params}})


@pytest.mark.parametrize(
    ("name", "tensor", "reason"),
    [
        ("backbone.blocks.0.attn.qkv.bias", torch.full((144,), torch.nan), r"finite.*backbone\.blocks: 1"),
        (
            "backbone.blocks.0.attn.qkv.bias",
            torch.zeros(144, dtype=torch.int8),
            r"finite.*backbone\.blocks: 1",
        ),
        ("backbone.blocks.999999.norm", torch.zeros(1), "numbers its blocks up to 1,000,000"),
        ("backbone.pos_embed", torch.zeros(1).expand(1, 10**12 + 1, 48), "tensors larger than the file"),
        ("patch_embed_coords.proj.weight", torch.zeros(4_800_000, 1, 1, 1), "of another shape"),
    ],
)
def test_tensors_that_no_network_could_have_are_refused_before_memory_is_taken(
    name: str, tensor: Tensor, reason: str
) -> None:
    with pytest.raises(WeightsError, match=reason):
        convert_weights(vit_with({name: tensor}))


def test_settings_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(WeightsError, match="not with its shapes or settings"):
        convert_weights(vit_with({}, N=10**400))


@pytest.mark.parametrize("number", [-1, 7.5, float("nan"), float("inf"), 1e30])
def test_a_number_of_clicks_that_nobody_makes_is_refused(number: float) -> None:
    with pytest.raises(WeightsError, match=r"checkpoint with N .*: must be a whole number of clicks"):
        convert_weights(vit_with({}, N=number))


@pytest.mark.parametrize("radius", [-5.0, 0.0, float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("name", ["R_max", "norm_radius"])
def test_radii_that_no_image_has_are_refused(name: str, radius: float) -> None:
    with pytest.raises(WeightsError, match=r"(R_max|disk radius) of .* pixels: must be above 0"):
        convert_weights(vit_with({}, **{name: radius}))


def test_a_file_that_holds_itself_is_no_endless_search() -> None:
    content: dict[str, Any] = {"epoch": 1}
    content["model"] = content
    with pytest.raises(WeightsError, match='dictionary with the entries "epoch", "model"'):
        convert_weights(saved(content))


def test_other_safetensors_are_refused_with_what_they_are() -> None:
    ours = model_to_bytes(Lite0Config(), build_network(Lite0Config()).state_dict(), {})
    with pytest.raises(WeightsError, match="a model file of this project already"):
        convert_weights(ours)
    foreign = safetensors.torch.save({"fc.weight": torch.zeros(2)})
    with pytest.raises(WeightsError, match="no network known here"):
        convert_weights(foreign)
    with pytest.raises(WeightsError, match="damaged"):
        convert_weights(foreign[:-1])


def imagenet_state(name: str) -> dict[str, Tensor]:
    """A classifier with fresh weights: what matters here are its names and shapes."""
    state: dict[str, Tensor] = timm.create_model(name, pretrained=False).state_dict()
    return state


def mae_state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    encoder = VisionTransformer(embed_dim=64, depth=4, num_heads=1, num_classes=0)
    state: dict[str, Tensor] = encoder.state_dict()
    return {**state, "mask_token": torch.zeros(1, 1, 64), "decoder_embed.weight": torch.zeros(8, 64)}


@pytest.mark.parametrize("name", ["hrnet_w18", "resnet34"])
@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors", "wrapped"])
def test_imagenet_weights_fill_the_backbone_and_nothing_else(name: str, form: str) -> None:
    state = imagenet_state(name)
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    write: dict[str, Callable[[], bytes]] = {
        "zip": lambda: saved(state),
        "legacy": lambda: saved(old, legacy=True),
        "safetensors": lambda: safetensors.torch.save(state),
        "wrapped": lambda: saved({"state_dict": {f"module.{key}": value for key, value in state.items()}}),
    }
    conversion = convert_weights(write[form]())
    assert isinstance(conversion.config, HRNet18Config if name == "hrnet_w18" else ResNet34Config)
    backbone = {key for key in conversion.tensors if key.startswith("backbone.")}
    assert all(torch.equal(conversion.tensors[key], state[key.removeprefix("backbone.")]) for key in backbone)
    model = as_file(conversion)
    assert model.facts["backbone_only"] is True
    assert any("mfp train --init" in note for note in conversion.notes)


def test_fresh_layers_are_the_same_for_the_same_backbone() -> None:
    data = saved(imagenet_state("resnet34"))
    torch.manual_seed(1)
    one = convert_weights(data).tensors
    before = torch.rand(1)
    torch.manual_seed(1)
    two = convert_weights(data).tensors
    assert torch.equal(torch.rand(1), before)  # and the caller's draws go on undisturbed
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_masked_autoencoder_fills_the_backbone_and_its_table_is_resized() -> None:
    state = mae_state()
    conversion = convert_weights(saved({"model": state}))
    assert conversion.config == ViTConfig(width=64, depth=4, num_heads=1)
    own = conversion.tensors
    for key, value in state.items():
        if key.startswith("blocks."):
            assert torch.equal(own[f"backbone.{key}"], value)
    assert torch.equal(own["backbone.image_embed.proj.weight"], state["patch_embed.proj.weight"])
    square = state["pos_embed"][:, 1:].transpose(1, 2).reshape(1, 64, 14, 14)
    resized = functional.interpolate(square, size=(28, 28), mode="bicubic", align_corners=False)
    assert torch.equal(own["backbone.position"], resized.flatten(2).transpose(1, 2))
    assert conversion.notes[-1].startswith("if these are MAE weights, their licence (CC BY-NC 4.0)")
    assert as_file(conversion).config == conversion.config


def test_a_backbone_that_is_cut_is_refused_with_what_is_missing() -> None:
    state = mae_state()
    del state["blocks.2.attn.qkv.weight"]
    with pytest.raises(WeightsError, match=r"1 missing \(backbone.blocks: 1\), 0 unexpected"):
        convert_weights(saved({"model": state}))


def test_a_vit_whose_heads_are_unknown_is_refused_with_the_remedy() -> None:
    content: dict[str, Any] = released_content("vit_tiny", {})
    with pytest.raises(WeightsError, match=r"width 48 without its number of heads: .* add num_heads"):
        convert_weights(saved(content))

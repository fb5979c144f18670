"""Model files: what is written is read, and anything else is refused in one line."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from mfp.click_model import ModelTraits
from mfp.clicks import Click
from mfp.errors import MfpError, ModelError, WeightsError
from mfp.model_file import model_from_bytes, model_id_of, model_to_bytes, read_header, with_facts
from mfp.models.lite0 import Lite0, Lite0Config
from mfp.models.registry import NetworkConfig, build_network, config_from_json, config_to_json
from mfp.models.vit import ViTConfig
from mfp.modulation import ModulationSettings
from mfp.network import UNSAVED, ClickSettings
from tests.mfp.network_factories import SMALL_CONFIGS, create_network, crop_batch

CONFIG = Lite0Config(
    decoder_channels=16,
    zoom_size=224,
    clicks=ClickSettings(ModulationSettings("release", 3, 50.0), 4.0, 0.49),
)


def test_a_model_comes_back_with_its_configuration_facts_and_answers() -> None:
    network = Lite0(CONFIG).eval()
    data = model_to_bytes(CONFIG, network.state_dict(), {"steps": 7})
    model = model_from_bytes(data)
    assert (model.config, model.facts, model.model_id) == (CONFIG, {"steps": 7}, model_id_of(data))
    inputs = (torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64), [[Click(3, 4, True)]])
    with torch.inference_mode():
        assert torch.equal(model.network.predict(crop_batch(*inputs)), network.predict(crop_batch(*inputs)))


def test_a_network_carries_the_identity_of_its_file_and_one_of_no_file_says_so() -> None:
    data = model_to_bytes(CONFIG, Lite0(CONFIG).state_dict(), {})
    traits = model_from_bytes(data).network.traits
    assert traits == ModelTraits(
        name="Lite0", identity=model_id_of(data), threshold=0.49, keeps_outside=True, starts_from_mask=True
    )
    assert Lite0(CONFIG).traits == replace(traits, identity=UNSAVED)


def test_another_modulation_is_another_function_of_the_same_weights() -> None:
    network = create_network(SMALL_CONFIGS["lite0"]).eval().named("abc")
    other = network.with_modulation("release")
    assert other.traits == network.traits
    assert network.with_modulation("paper") is network
    assert all(one is two for one, two in zip(network.parameters(), other.parameters(), strict=True))
    clicks = [[Click(40, 40, True), Click(20, 20, False), Click(30, 44, True)]]
    batch = crop_batch(torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64), clicks)
    with torch.inference_mode():
        assert not torch.equal(network.predict(batch), other.predict(batch))


def test_half_precision_halves_the_file_and_is_read_as_float32() -> None:
    network = Lite0(CONFIG)
    whole = model_to_bytes(CONFIG, network.state_dict(), {})
    half = model_to_bytes(CONFIG, network.state_dict(), {}, torch.float16)
    assert len(half) < 0.55 * len(whole)
    read = model_from_bytes(half).network
    assert {tensor.dtype for tensor in read.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    "config", [CONFIG, Lite0Config(), ViTConfig(), ViTConfig(width=48, depth=4, num_heads=3)]
)
def test_every_configuration_survives_json(config: NetworkConfig) -> None:
    assert config_from_json(json.loads(json.dumps(config_to_json(config)))) == config


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "resnet9000"},
        {"surprise": 1},
        {"zoom_size": "large"},
        {"zoom_size": True},
        {"clicks": None},
        {"clicks": {"modulation": {"variant": "new", "num_probability_clicks": 7, "max_radius": 100.0}}},
    ],
)
def test_a_configuration_that_describes_no_model_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ModelError) as caught:
        config_from_json({**config_to_json(CONFIG), **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 a zip",
        safetensors.torch.save({"a": torch.zeros(1)}),
        model_to_bytes(CONFIG, {"a": torch.zeros(1)}, {}),
        model_to_bytes(CONFIG, build_network(Lite0Config()).state_dict(), {}),
        model_to_bytes(CONFIG, build_network(CONFIG).state_dict(), {})[:-1000],
        safetensors.torch.save({"a": torch.zeros(1)}, {"mfp": "[1]"}),
        safetensors.torch.save({"a": torch.zeros(1)}, {"mfp": '{"version": 1, "facts": {}}'}),
    ],
    ids=[
        "empty",
        "zip",
        "foreign safetensors",
        "other tensors",
        "other widths",
        "cut off",
        "a list",
        "without configuration",
    ],
)
def test_bytes_that_are_no_model_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(MfpError) as caught:
        model_from_bytes(data)
    assert isinstance(caught.value, WeightsError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("channels", [-1, 10**9, 10**30])
def test_a_width_that_no_network_has_takes_no_memory_and_is_refused_in_one_line(channels: int) -> None:
    data = model_to_bytes(replace(CONFIG, decoder_channels=channels), build_network(CONFIG).state_dict(), {})
    with pytest.raises(WeightsError) as caught:
        model_from_bytes(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
        safetensors.torch.save({"a": torch.zeros(1)}, {"mfp": "[" * 100_000}),
    ],
    ids=["header", "metadata"],
)
def test_a_file_that_is_nested_without_end_is_no_model(data: bytes) -> None:
    with pytest.raises(WeightsError):
        read_header(data)


def test_bytes_without_a_header_have_no_id() -> None:
    with pytest.raises(WeightsError):
        model_id_of((200_000).to_bytes(8, "little") + b"[" * 200_000)
    with pytest.raises(WeightsError):
        model_id_of(b"no model at all")


def test_the_header_is_read_without_the_tensors() -> None:
    data = model_to_bytes(CONFIG, build_network(CONFIG).state_dict(), {"noc": {"85": 2.5}})
    assert read_header(data[:100_000])["facts"] == {"noc": {"85": 2.5}}


def test_a_model_keeps_its_id_when_its_figures_are_added_and_loses_it_with_any_other_change() -> None:
    network = build_network(CONFIG)
    data = model_to_bytes(CONFIG, network.state_dict(), {"steps": 7})
    described = with_facts(data, {"steps": 7, "noc": {"set": {"85": 2.5}}})
    assert read_header(described)["facts"]["noc"] == {"set": {"85": 2.5}}
    assert model_id_of(described) == model_id_of(data)
    other_config = model_to_bytes(Lite0Config(16, 256, CONFIG.clicks), network.state_dict(), {})
    with torch.no_grad():
        next(network.parameters()).flatten()[0] += 1
    other_tensors = model_to_bytes(CONFIG, network.state_dict(), {})
    assert len({model_id_of(data), model_id_of(other_config), model_id_of(other_tensors)}) == 3


def test_a_file_written_before_components_were_switches_still_loads() -> None:
    """Its configuration lacks the newer fields, and its ViT kept the coordinate embedding in the backbone."""
    config = SMALL_CONFIGS["vit"]
    network = create_network(config).eval()
    tensors = {
        name.replace("coordinate_embed.", "backbone.coordinate_embed."): tensor
        for name, tensor in network.state_dict().items()
    }
    document = config_to_json(config)
    del document["late_fusion"]
    for name in ("modulated_map", "initial_pass", "keeps_outside"):
        del document["clicks"][name]
    metadata = {"mfp": json.dumps({"version": 1, "config": document, "facts": {}})}
    model = model_from_bytes(safetensors.torch.save(tensors, metadata))
    assert model.config == config
    loaded = model.network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in network.state_dict().items())

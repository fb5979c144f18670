"""What every architecture promises: no idle parameter, component switches, one answer in both of its forms."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mfp.click_model import CropModel
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.registry import NetworkConfig, config_from_json, config_to_json
from mfp.network import BASELINE_CLICKS
from mfp.session import SessionLimits
from mfp.stop_reason import StopReason
from mfp.training.trainable import TrainableNetwork
from tests.mfp.network_factories import (
    CLICKS,
    SMALL_CONFIGS,
    create_network,
    crop_batch,
    noise,
    with_switches,
)
from tests.mfp.session_factories import create_session

SWITCHES = [(True, True), (True, False), (False, True), (False, False)]
architectures = pytest.mark.parametrize("config", SMALL_CONFIGS.values(), ids=SMALL_CONFIGS.keys())
IMAGE, PROB = noise(2, 3, 64, 96, seed=1), noise(2, 1, 64, 96, seed=2)


@pytest.mark.parametrize(("modulated_map", "late_fusion"), SWITCHES)
@architectures
def test_gradient_reaches_every_parameter(
    config: NetworkConfig, modulated_map: bool, late_fusion: bool
) -> None:
    network = create_network(with_switches(config, modulated_map=modulated_map, late_fusion=late_fusion))
    logits, aux = network.train().forward_training(IMAGE, PROB, CLICKS)
    loss = (logits * noise(*logits.shape)).sum() + (0.0 if aux is None else aux.square().sum())
    loss.backward()  # type: ignore[no-untyped-call]
    unused = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert unused == []


@architectures
def test_backbone_and_rest_are_told_apart_by_name(config: NetworkConfig) -> None:
    names = [name for name, _ in create_network(config).named_parameters()]
    backbone = [name for name in names if name.startswith("backbone.")]
    assert 0 < len(backbone) < len(names)
    assert not [
        name for name in names if name.startswith(("coordinates", "late_fusion")) and name in backbone
    ]


@architectures
def test_without_late_fusion_its_parameters_are_gone(config: NetworkConfig) -> None:
    complete = set(create_network(config).state_dict())
    without = set(create_network(with_switches(config, modulated_map=True, late_fusion=False)).state_dict())
    assert {name for name in complete if "late_fusion" in name} == complete - without != set()


@pytest.mark.parametrize("late_fusion", [True, False])
@architectures
def test_without_the_modulated_map_the_order_of_clicks_does_not_matter(
    config: NetworkConfig, late_fusion: bool
) -> None:
    """Modulation is all that tells the newest click from the others."""
    reversed_clicks = [list(reversed(sequence)) for sequence in CLICKS]

    def answers(modulated_map: bool) -> tuple[torch.Tensor, torch.Tensor]:
        switched = with_switches(config, modulated_map=modulated_map, late_fusion=late_fusion)
        network = create_network(switched).eval()
        with torch.inference_mode():
            return (
                network.predict(crop_batch(IMAGE, PROB, CLICKS)),
                network.predict(crop_batch(IMAGE, PROB, reversed_clicks)),
            )

    assert torch.equal(*answers(modulated_map=False))
    assert not torch.equal(*answers(modulated_map=True))


@architectures
def test_a_baseline_answers_a_first_click_in_one_pass_from_empty_maps(config: NetworkConfig) -> None:
    network = create_network(replace(config, clicks=BASELINE_CLICKS, late_fusion=False)).eval()
    passes = []
    network.register_forward_pre_hook(lambda _, inputs: passes.append(inputs[1]))
    with torch.inference_mode():
        network.predict(crop_batch(IMAGE, torch.zeros_like(PROB), CLICKS))
        assert not network.first_map(IMAGE, CLICKS).any()
    (coordinates,) = passes
    assert coordinates.shape == (2, 3, 64, 96)
    assert not coordinates[:, 0].any()


@architectures
def test_every_network_is_a_crop_model_and_one_that_learns(config: NetworkConfig) -> None:
    network = create_network(config)
    model: CropModel = network
    learner: TrainableNetwork = network
    assert isinstance(model, CropModel)
    assert learner.first_map(IMAGE, CLICKS).shape == PROB.shape


@architectures
def test_the_form_for_inference_gives_the_same_logits_and_leaves_the_network_as_it_was(
    config: NetworkConfig,
) -> None:
    network = create_network(config).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded = network.for_inference(torch.device("cpu"))
    with torch.inference_mode():
        expected = network.predict(crop_batch(IMAGE, PROB, CLICKS))
        logits = folded.predict(crop_batch(IMAGE, PROB, CLICKS))
    span = float(expected.max() - expected.min())  # with random weights it may be thousands
    torch.testing.assert_close(logits, expected, atol=1e-4 * max(span, 1.0), rtol=0)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(("height", "width"), [(375, 500), (1, 1), (200, 31), (7, 4000)])
@architectures
def test_every_region_gets_a_crop_that_the_network_takes(
    config: NetworkConfig, height: int, width: int
) -> None:
    network = create_network(config).eval()
    for zoom_size in (network.zoom_size, 64, 96):
        crop = network.crop_size(height, width, zoom_size)
        assert max(crop) == zoom_size
        image, prob = noise(2, 3, *crop, seed=1), noise(2, 1, *crop, seed=2)
        with torch.inference_mode():
            assert network.predict(crop_batch(image, prob, CLICKS)).shape == (2, 1, *crop)


@pytest.mark.parametrize("is_baseline", [False, True])
@architectures
def test_a_session_is_clicked_to_its_end(config: NetworkConfig, is_baseline: bool) -> None:
    if is_baseline:
        config = replace(config, clicks=BASELINE_CLICKS, late_fusion=False)
    engine = Engine(create_network(config), EngineSettings(zoom_size=64))
    (finished,) = engine.run([create_session(1, SessionLimits(max_clicks=3, target_iou=None))])
    assert finished.stop_reason is StopReason.MAX_CLICKS
    assert len(finished.clicks) == 3
    assert all(record.iou is not None and 0 <= record.iou <= 1 for record in finished.clicks)


@architectures
def test_a_configuration_comes_back_from_json_and_older_files_mean_all_components(
    config: NetworkConfig,
) -> None:
    off = with_switches(config, modulated_map=False, late_fusion=False)
    assert config_from_json(config_to_json(off)) == off
    document = config_to_json(config)
    for name in ("modulated_map", "initial_pass", "keeps_outside"):
        del document["clicks"][name]
    if document["architecture"] in {"lite0", "vit"}:
        del document["late_fusion"]
    assert config_from_json(document) == config

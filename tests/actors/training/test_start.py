"""The network that a training run starts from."""

from __future__ import annotations

from actors.training.start import StartFile, start_network
from mfp.model_file import model_from_bytes, model_to_bytes
from mfp.models.lite0 import Lite0, Lite0Config
from mfp.network import UNSAVED
from pipelines.inputs.training_recipe import recipe


def test_a_network_that_goes_on_learning_is_no_longer_the_one_of_its_file() -> None:
    data = model_to_bytes(Lite0Config(), Lite0(Lite0Config()).state_dict(), {})
    network, config = start_network(recipe("lite0"), StartFile("start.safetensors", data))
    assert config == Lite0Config()
    assert network.traits.identity == UNSAVED
    assert network.state_dict().keys() == model_from_bytes(data).network.state_dict().keys()

"""Networks by name, and their configurations as JSON."""

from __future__ import annotations

import pytest

from mfp.errors import ModelError
from mfp.models.registry import (
    TRAINABLE,
    build_network,
    config_by_name,
    config_from_json,
    config_to_json,
)


@pytest.mark.parametrize("name", TRAINABLE)
def test_every_name_builds_a_network_and_comes_back_from_json(name: str) -> None:
    config = config_by_name(name)
    assert config_from_json(config_to_json(config)) == config
    network = build_network(config)
    assert any(parameter.startswith("backbone.") for parameter, _ in network.named_parameters())


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(ModelError, match="'vgg' cannot be trained by name; choose from vit_b") as caught:
        config_by_name("vgg")
    assert "\n" not in str(caught.value)

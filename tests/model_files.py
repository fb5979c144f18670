"""Small model files, each seed with weights of its own."""

from __future__ import annotations

import functools

from mfp.model_file import model_id_of, model_to_bytes
from mfp.models.lite0 import Lite0Config
from tests.mfp.network_factories import create_network


@functools.cache
def small_model(seed: int) -> tuple[bytes, str]:
    """The bytes of an untrained lite0 with a narrow decoder, and its model id."""
    config = Lite0Config(decoder_channels=8, zoom_size=64)
    data = model_to_bytes(config, create_network(config, seed).state_dict(), {})
    return data, model_id_of(data)

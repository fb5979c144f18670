"""A model as bytes: safetensors with the configuration and what is known of its training in the metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from mfp.errors import ModelError, WeightsError
from mfp.models.registry import (
    ARCHITECTURES,
    NetworkConfig,
    architecture_of,
    build_network,
    config_from_json,
    config_to_json,
)
from mfp.network import ModulatedNetwork

_METADATA_KEY = "mfp"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class ModelFile:
    """A model that was read.

    Attributes:
        network: float32, in eval mode, on the CPU; its identity is `model_id`.
        config: what the file says of its architecture.
        model_id: names the model in every row it makes; see model_id_of.
        facts: what whoever wrote the file recorded of it (steps, data, NoC): JSON values.
    """

    network: ModulatedNetwork
    config: NetworkConfig
    model_id: str
    facts: Mapping[str, Any]


def model_id_of(data: bytes) -> str:
    """The name of a model in tables: 16 hexadecimal digits of a SHA-256 over its configuration and its tensors.

    What is recorded beside them does not count: a model keeps its name when its figures are added.

    Raises:
        WeightsError: the bytes are no model file.
    """
    config = read_header(data)["config"]
    header, tensors = _split(data)
    content = {
        "config": config,
        "tensors": {key: header[key] for key in header if key != "__metadata__"},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode() + tensors).hexdigest()[:16]


def model_to_bytes(
    config: NetworkConfig,
    tensors: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    dtype: torch.dtype = torch.float32,
) -> bytes:
    """Write a model.

    Args:
        config: of the network the tensors belong to.
        tensors: its state dict.
        facts: JSON values worth keeping with it.
        dtype: of kernels and matrices in the file; float16 halves it. Vectors stay float32: half precision would
            lose the small variances of norms.
    """
    stored = {
        name: (tensor.to(dtype) if tensor.is_floating_point() and tensor.ndim > 1 else tensor).contiguous()
        for name, tensor in tensors.items()
    }
    document = {"version": FORMAT_VERSION, "config": config_to_json(config), "facts": dict(facts)}
    return safetensors.torch.save(stored, metadata={_METADATA_KEY: json.dumps(document, sort_keys=True)})


def read_header(data: bytes) -> dict[str, Any]:
    """The metadata of a model file: {"version", "config", "facts"}, without touching the tensors.

    Raises:
        WeightsError: no safetensors file, or one that this project did not write.
    """
    try:
        document: dict[str, Any] = json.loads(_split(data)[0]["__metadata__"][_METADATA_KEY])
        version = document.get("version")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise WeightsError(
            f"{len(data)} bytes that are no model file: a safetensors file with the metadata entry "
            f"{_METADATA_KEY!r} is needed; `mfp train` writes such files, `mfp convert` makes one of released weights"
        ) from None
    if version != FORMAT_VERSION:
        raise WeightsError(f"model file of version {version!r}; this release reads {FORMAT_VERSION}")
    if not all(isinstance(document.get(name), dict) for name in ("config", "facts")):
        raise WeightsError("model file without its configuration: it is damaged; get it anew")
    return document


def with_facts(data: bytes, facts: Mapping[str, Any]) -> bytes:
    """The same model with other facts recorded beside it; its model id stays."""
    document = read_header(data) | {"facts": dict(facts)}
    metadata = {_METADATA_KEY: json.dumps(document, sort_keys=True)}
    return safetensors.torch.save(safetensors.torch.load(data), metadata=metadata)


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    """A safetensors file: 8 bytes with the length of a JSON header, the header, the tensors."""
    size = int.from_bytes(data[:8], "little")
    try:
        header: dict[str, Any] = json.loads(data[8 : 8 + size])
    except RecursionError:
        raise ValueError("a header that is nested too deeply") from None
    return header, data[8 + size :]


def model_from_bytes(data: bytes) -> ModelFile:
    """Read a model.

    Raises:
        WeightsError: the bytes are no model file, or its tensors do not fit its configuration.
    """
    document = read_header(data)
    try:
        config = config_from_json(document["config"])
        architecture = ARCHITECTURES[architecture_of(config)]
        stored = safetensors.torch.load(data)
        tensors = {architecture.current_name(name): tensor for name, tensor in stored.items()}
    except (ModelError, KeyError, safetensors.SafetensorError) as error:
        raise WeightsError(f"model file cannot be read: {error}") from None
    expected = _tensors_of(config)
    missing, unexpected = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    misshapen = sorted(
        name for name in set(expected) & set(tensors) if expected[name].shape != tensors[name].shape
    )
    if missing or unexpected or misshapen:
        raise WeightsError(
            f"tensors do not fit the configuration: {len(missing)} missing {missing[:3]}, "
            f"{len(unexpected)} unexpected {unexpected[:3]}, {len(misshapen)} of another shape {misshapen[:3]}; "
            "the file is damaged or from another release"
        )
    network = build_network(config)
    network.load_state_dict({name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()})
    model_id = model_id_of(data)
    return ModelFile(network.eval().named(model_id), config, model_id, document["facts"])


def _tensors_of(config: NetworkConfig) -> dict[str, torch.Tensor]:
    """The tensors of a network without their memory: a configuration may ask for more than there is.

    Raises:
        WeightsError: there is no such network.
    """
    try:
        with torch.device("meta"):
            return build_network(config).state_dict()
    except (RuntimeError, ValueError, TypeError, ArithmeticError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"model file with a configuration that no network has: {reason}") from None

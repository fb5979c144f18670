"""`mfp convert`: released checkpoints and bare backbones become model files that need nothing beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from actors.stop_request import closed_in_order
from infra.storage.files import Storage, basename
from mfp.conversion import Conversion, convert_weights
from mfp.errors import WeightsError
from mfp.model_file import model_id_of, model_to_bytes
from mfp.models.registry import NetworkConfig, architecture_of, build_network
from pipelines.inputs.model_names import check_output_name


@dataclass(frozen=True)
class ConvertedModel:
    """A model file that was written, and what is to be said of it."""

    url: str
    model_id: str
    conversion: Conversion

    def lines(self) -> Iterator[str]:
        """What the command prints."""
        yield f"{self.conversion.title}: {self.conversion.summary}"
        yield described(self.conversion.config)
        for note in self.conversion.notes:
            yield f"note: {note}"
        yield f"{self.url} (model {self.model_id})"


def run_convert(source: str, out: str, storage: Storage) -> ConvertedModel:
    """Convert a file, path or URL, and write the model file.

    Raises:
        OptionError: `out` is no name of a model file.
        WeightsError: the source cannot be converted; the message says what it is.
        InfraError: a file that cannot be read or written.
    """
    check_output_name(out)
    data = storage.read_bytes(source)
    try:
        conversion = convert_weights(data)
    except WeightsError as error:
        raise WeightsError(f"{source}: {error}") from None
    origin = {"source": basename(source), "source_sha256": hashlib.sha256(data).hexdigest()}
    model = model_to_bytes(conversion.config, conversion.tensors, conversion.facts | origin)
    with closed_in_order():
        storage.write_bytes(out, model)
    return ConvertedModel(out, model_id_of(model), conversion)


def described(config: NetworkConfig) -> str:
    """A configuration in one line."""
    clicks = config.clicks
    with torch.device("meta"):  # shapes without memory
        size = build_network(config).zoom_size
    parts = [f"{architecture_of(config)} at {size} pixels", f"disk radius {clicks.disk_radius:g}"]
    if clicks.modulated_map:
        modulation = clicks.modulation
        parts.append(
            f"modulation {modulation.variant} with N {modulation.num_probability_clicks}, "
            f"R_max {modulation.max_radius:g}"
        )
    else:
        parts.append("no modulation")
    parts.append("late fusion" if config.late_fusion else "no late fusion")
    parts.append(f"threshold {clicks.threshold:g}")
    return ", ".join(parts)

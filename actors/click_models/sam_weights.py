"""The weights of a SAM model: a folder that `transformers` wrote, or a name on its hub."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mfp.errors import ModelError, WeightsError

_LOG = logging.getLogger(__name__)

_ADAPTER_VERSION = 1
"""Part of the identity: raise it with every change of this shelf that changes a mask."""


@dataclass(frozen=True)
class _Architecture:
    """The classes of `transformers` that read a folder, and whether the image processor pads."""

    network: str
    image_processor: str
    is_padded: bool = False


_ARCHITECTURES = {
    "sam": _Architecture("SamModel", "SamImageProcessor", is_padded=True),
    "sam2": _Architecture("Sam2Model", "Sam2ImageProcessor"),
    # the released SAM 2 weights are those of the video model, of which the image model is a part
    "sam2_video": _Architecture("Sam2Model", "Sam2ImageProcessor"),
    "sam3_tracker": _Architecture("Sam3TrackerModel", "Sam3ImageProcessor"),
}
"""By `model_type` in config.json."""

_CONFIG = "config.json"
_PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json")
_FILES = ("*.safetensors", "*.safetensors.index.json", _CONFIG, *_PROCESSOR_FILES)
_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True, eq=False)
class SamWeights:
    """A SAM model that was read.

    Attributes:
        network: an image model of `transformers`, float32, in eval mode, on the CPU.
        image_processor: what turns an image into its input.
        is_padded: the processor scales the longest side and pads; else it stretches the image.
        name: for people.
        identity: 16 hexadecimal digits of a SHA-256 over the folder's weights and configuration, the version of
            `transformers`, and this adapter.
    """

    network: Any
    image_processor: Any
    is_padded: bool
    name: str
    identity: str


def read_sam_weights(weights: str) -> SamWeights:
    """Read a model. No code of the folder runs, and only safetensors files are opened.

    Args:
        weights: a folder that `save_pretrained` wrote, or a name on the hub ("owner/name").

    Raises:
        ModelError: `transformers` is missing, or knows no such architecture.
        WeightsError: no such folder, or it lacks a file, or its tensors do not fit its configuration.
    """
    transformers = _transformers()
    folder = _folder(weights)
    model_type = _model_type(folder)
    architecture = _ARCHITECTURES.get(model_type)
    if architecture is None:
        raise ModelError(
            f"{folder}: model_type {model_type!r} is none of {', '.join(_ARCHITECTURES)}; give the folder of one"
        )
    if not hasattr(transformers, architecture.network):
        raise ModelError(
            f"{folder}: transformers {transformers.__version__} has no {architecture.network}; "
            'install a newer one: pip install --upgrade "mfp-pipeline[sam]"'
        )
    network, image_processor = _read(transformers, folder, architecture)
    return SamWeights(
        network,
        image_processor,
        architecture.is_padded,
        f"{model_type} {Path(weights).name}",
        _identity(folder, transformers.__version__),
    )


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise ModelError(
            'SAM models need the package transformers: pip install "mfp-pipeline[sam]"'
        ) from None
    return transformers


def _folder(weights: str) -> Path:
    folder = Path(weights).expanduser()
    if not folder.is_dir():
        folder = _downloaded(weights)
    if not any(folder.glob("*.safetensors")):
        raise WeightsError(f"{folder}: no *.safetensors file in it; save the model with save_pretrained")
    if not (folder / _CONFIG).is_file():
        raise WeightsError(f"{folder}: no {_CONFIG} in it; save the model with save_pretrained")
    if not any((folder / name).is_file() for name in _PROCESSOR_FILES):
        raise WeightsError(
            f"{folder}: neither {' nor '.join(_PROCESSOR_FILES)} in it; save the model's processor there too"
        )
    return folder


def _downloaded(name: str) -> Path:
    """The folder of a name on the hub, in the user's cache."""
    if Path(name).exists() or not _HUB_NAME.fullmatch(name):
        raise WeightsError(
            f"{name}: not a folder; give one that save_pretrained wrote, or a name on the hub such as owner/name"
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except Exception as error:  # the hub's errors have no common base
        raise WeightsError(
            f"{name}: not a folder, and the hub gave nothing ({_one_line(error)}); check the name or give a folder"
        ) from error


def _model_type(folder: Path) -> str:
    try:
        return str(json.loads((folder / _CONFIG).read_text())["model_type"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WeightsError(
            f"{folder / _CONFIG}: no JSON object with a model_type; save the model with save_pretrained"
        ) from None


def _read(transformers: Any, folder: Path, architecture: _Architecture) -> tuple[Any, Any]:
    network_class = getattr(transformers, architecture.network)
    processor_class = getattr(transformers, architecture.image_processor)
    try:
        with _quiet(transformers):
            image_processor = processor_class.from_pretrained(str(folder), local_files_only=True)
            network, found = network_class.from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:  # a wrong configuration can fail anywhere in the library
        raise WeightsError(
            f"{folder}: transformers {transformers.__version__} cannot read it ({_one_line(error)}); "
            "save the model again with save_pretrained"
        ) from error
    # the library fills what is missing with random numbers and only warns
    lacking = sorted({*found["missing_keys"], *(str(key) for key in found["mismatched_keys"])})
    if lacking:
        raise WeightsError(
            f"{folder}: {len(lacking)} tensors of {architecture.network} are missing or of another shape, the first "
            f"{lacking[0]}; the weights are not those of its {_CONFIG}"
        )
    if found["unexpected_keys"]:
        _LOG.warning("%s: %d tensors that the model has no use for", folder, len(found["unexpected_keys"]))
    return network.eval(), image_processor


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No progress bar, and no warning about what is checked here."""
    logs = transformers.utils.logging
    verbosity, has_bar = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        logs.set_verbosity(verbosity)
        if has_bar:
            logs.enable_progress_bar()


def _identity(folder: Path, library: str) -> str:
    digest = hashlib.sha256(f"adapter {_ADAPTER_VERSION}, transformers {library}".encode())
    for path in sorted({path for pattern in _FILES for path in folder.glob(pattern)}):
        with path.open("rb") as file:
            digest.update(f"\n{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return digest.hexdigest()[:16]


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__

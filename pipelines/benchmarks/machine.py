"""What a benchmark ran on: figures say nothing without it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass

from actors.specs.bench import BenchSpec
from pipelines.inputs.processor import model_name

_VERSIONED = ("mfp-pipeline", "torch", "numpy", "opencv-python-headless", "ray", "timm", "pyarrow")
_VERSIONED_IF_THERE = ("onnxruntime", "openvino", "simplejpeg", "PyTurboJPEG", "torchcodec", "obstore")


@dataclass(frozen=True)
class Machine:
    """A machine and what is installed on it.

    Attributes:
        processor: its name.
        cores: that this process may use.
        system: kernel and architecture.
        python: its version.
        versions: of packages that the figures depend on, by name.
        load: processes that wanted a core in the minute before: more than about 0.5 is other work.
    """

    processor: str
    cores: int
    system: str
    python: str
    versions: Mapping[str, str]
    load: float


def this_machine() -> Machine:
    """The machine as it is now."""
    return Machine(
        processor=model_name(),
        cores=num_cores(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        versions=dict(_versions()),
        load=os.getloadavg()[0],
    )


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores_of(spec: BenchSpec) -> int:
    """Cores that a benchmark is to use."""
    return num_cores() if spec.threads == "all" else spec.threads


def device_of(spec: BenchSpec) -> str:
    """The torch device of the network: `cuda` if the specification says so, or leaves it open and there is a GPU."""
    import torch

    wanted = spec.network.device
    return "cuda" if wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available()) else "cpu"


def _versions() -> list[tuple[str, str]]:
    found = [(name, importlib.metadata.version(name)) for name in _VERSIONED]
    for name in _VERSIONED_IF_THERE:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

"""The port of backends: what runs the layers of a network. Modulation, click maps and passes stay as they are."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import nn

from mfp.engine_settings import BackendName, Precision
from mfp.errors import BackendError, first_line
from mfp.network import Layers, ModulatedNetwork

Prepare = Callable[[ModulatedNetwork, tuple[int, int], Precision], Layers]
"""Takes a network in its form for inference, the (height, width) of a crop and a precision; gives what runs its layers.

The number of threads is torch's at that moment. BackendError: the network cannot be run so.
"""


def _any_processor(precision: Precision) -> bool:
    return True


@dataclass(frozen=True)
class Backend:
    """One way to run a network.

    Attributes:
        name: as the setting calls it.
        prepare: see Prepare.
        packages: that it imports, beside those that every installation has.
        install: what `pip install` is to be given if one of them is missing.
        cpu_compiler: the program that it compiles with for a CPU, unless the variable CXX names another.
        precisions: that it runs.
        is_on_cpu_alone: it runs on no other device.
        processor_has: whether this processor computes in one of the precisions.
    """

    name: BackendName
    prepare: Prepare
    packages: tuple[str, ...] = ()
    install: str = ""
    cpu_compiler: str = ""
    precisions: tuple[Precision, ...] = ("fp32", "tf32", "bf16", "fp16")
    is_on_cpu_alone: bool = False
    processor_has: Callable[[Precision], bool] = _any_processor

    @property
    def is_installed(self) -> bool:
        """Whether its packages are here."""
        return not self._missing()

    def refusal(self, device: torch.device, precision: Precision) -> str:
        """Why it cannot run a network here in that way, and what to do; empty if it can."""
        if missing := self._missing():
            return (
                f"backend {self.name}: package {missing[0]} is not installed in {sys.prefix}: "
                f"pip install '{self.install}', or take backend torch"
            )
        if program := self.missing_compiler(device):
            return (
                f"backend {self.name}: program {program} is not here: install it, name another by the variable CXX, "
                "or take backend torch"
            )
        if precision == "int8" and precision not in self.precisions:
            return (
                f"backend {self.name} with precision int8: backend openvino alone runs int8; take it, or "
                "precision fp32"
            )
        if precision not in self.precisions or (self.is_on_cpu_alone and device.type != "cpu"):
            return (
                f"backend {self.name} with precision {precision} on {device.type}: it runs "
                f"{_in_words(self.precisions)} on cpu alone; take device cpu and precision fp32, or backend torch"
            )
        if not self.processor_has(precision):
            return (
                f"backend {self.name} with precision {precision}: this processor has no {precision} arithmetic; take "
                "precision fp32, or backend torch"
            )
        return ""

    def missing_compiler(self, device: torch.device) -> str:
        """The program that it would call for the device and that is not here; empty if it is, or none is called."""
        if not self.cpu_compiler or device.type != "cpu":
            return ""
        program = os.environ.get("CXX", self.cpu_compiler)
        return "" if shutil.which(program) else program

    def _missing(self) -> list[str]:
        return [package for package in self.packages if find_spec(package) is None]


def _in_words(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def not_run_by(name: BackendName, network: nn.Module, error: Exception) -> BackendError:
    """What is raised if a backend is here and does not take a network; `error` is what its library said."""
    return BackendError(
        f"backend {name}: {type(network).__name__} cannot be run here: {first_line(error)}; take backend torch"
    )

"""torch.compile: any device, with a minute or more of compiling in every process."""

from __future__ import annotations

import sys
from typing import cast

import torch

from mfp.backends.backend import Backend
from mfp.backends.example import example_inputs
from mfp.engine_settings import Precision
from mfp.errors import BackendError, first_line
from mfp.network import Layers, ModulatedNetwork


def _prepare(network: ModulatedNetwork, size: tuple[int, int], precision: Precision) -> Layers:
    # Sizes are symbols from the start: a kernel that was made for the first crop would give other last bits than the
    # one that is made when a second size comes, and a session's answer would depend on those before it.
    compiled = cast("Layers", torch.compile(network, dynamic=True))
    try:
        with torch.inference_mode():
            compiled(*example_inputs(network, size))
    except Exception as error:  # of its own kinds, of the C++ compiler, or of Triton
        raise BackendError(
            f"backend compile: {type(network).__name__} cannot be compiled here: {first_line(error)}; it needs a C++ "
            "compiler (g++) on a CPU and Triton on a GPU; take backend torch"
        ) from error
    return compiled


# as torch._inductor.config has it
_CXX = "clang++" if sys.platform == "darwin" else "g++"

COMPILE = Backend("compile", _prepare, cpu_compiler=_CXX)

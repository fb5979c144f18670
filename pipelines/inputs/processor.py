"""What this machine computes with, in words: another processor may round the last bit otherwise."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")  # of Linux; other systems answer to `platform`


@functools.cache
def processor() -> str:
    """The processor and the vector instructions that torch uses on it, such as "AMD EPYC 7763 (AVX2)"."""
    import torch

    return f"{model_name()} ({torch.backends.cpu.get_cpu_capability()})"


def model_name() -> str:
    """The processor's own name, or its architecture if the system does not say it."""
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()

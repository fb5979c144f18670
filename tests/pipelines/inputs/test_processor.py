"""The processor is named with what torch makes of it."""

from __future__ import annotations

import torch

from pipelines.inputs.processor import processor


def test_a_processor_has_a_name_and_the_instructions_that_torch_uses() -> None:
    name, _, instructions = processor().rpartition(" (")
    assert name.strip()
    assert instructions == f"{torch.backends.cpu.get_cpu_capability()})"
    assert "\n" not in processor()

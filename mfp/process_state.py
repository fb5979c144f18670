"""What a library must leave as it found it in a process that is not its own."""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

_RANDOM = "'s random state"


@dataclass(frozen=True, eq=False)
class ProcessState:
    """State of a process, by what a person calls it."""

    values: Mapping[str, Any]

    @staticmethod
    def now() -> ProcessState:
        """That of this process."""
        return ProcessState(
            {
                "torch's gradient mode": torch.is_grad_enabled(),
                "torch's default dtype": torch.get_default_dtype(),
                "torch's number of threads": torch.get_num_threads(),
                f"torch{_RANDOM}": bytes(torch.get_rng_state().tolist()),
                f"NumPy{_RANDOM}": _frozen(np.random.get_state()),
                f"Python{_RANDOM}": random.getstate(),
                "warnings.filters": tuple(warnings.filters),
                "working directory": os.getcwd(),  # noqa: PTH109
                "os.environ": dict(os.environ),
                "sys.path": tuple(sys.path),
            }
        )

    def changes(self) -> list[str]:
        """What is different now."""
        now = ProcessState.now().values
        return [what for what, value in self.values.items() if now[what] != value]

    def restore(self) -> None:
        """Put back all but random states, `warnings.filters` and `sys.path`, which disturb no other call."""
        values = self.values
        torch.set_grad_enabled(values["torch's gradient mode"])
        torch.set_default_dtype(values["torch's default dtype"])
        torch.set_num_threads(values["torch's number of threads"])
        os.chdir(values["working directory"])
        for name in set(os.environ) - set(values["os.environ"]):
            del os.environ[name]
        os.environ.update(values["os.environ"])

    def restore_random(self) -> None:
        """Put the random states back."""
        torch.set_rng_state(torch.tensor(list(self.values[f"torch{_RANDOM}"]), dtype=torch.uint8))
        name, keys, *rest = self.values[f"NumPy{_RANDOM}"]
        np.random.set_state((name, np.frombuffer(keys, np.uint32), *rest))
        random.setstate(self.values[f"Python{_RANDOM}"])


def _frozen(state: Any) -> tuple[Any, ...]:
    """NumPy's legacy state with its array as bytes, which can be compared."""
    name, keys, *rest = state
    return (name, keys.tobytes(), *rest)

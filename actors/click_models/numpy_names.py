"""Names of NumPy that code written before 1.24 uses, and that are gone."""

from __future__ import annotations

import logging

import numpy as np

logger = logging.getLogger(__name__)

# `bool` is not among them: NumPy 2 has a `bool` of its own again, and breaks if Python's takes its place
OLD_NAMES: dict[str, type] = {
    "int": int,
    "float": float,
    "complex": complex,
    "object": object,
    "str": str,
    "float_": np.float64,
    "complex_": np.complex128,
}


def restore_missing_names() -> None:
    """Set those of the names that are missing to what they meant, for the whole process, and log which."""
    # not `hasattr`: NumPy warns if it is asked for some of them
    missing = [name for name in OLD_NAMES if name not in vars(np)]
    for name in missing:
        setattr(np, name, OLD_NAMES[name])
    if missing:
        logger.info(
            "set for old code, since this NumPy lacks them: %s", ", ".join(f"np.{n}" for n in missing)
        )

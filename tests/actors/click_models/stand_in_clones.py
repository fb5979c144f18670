"""Clones of the `isegm` family in small: packages of the same interface, written into a folder."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from actors.click_models.isegm import IsegmModel, isegm
from actors.click_models.numpy_names import OLD_NAMES
from tests.actors.click_models.stand_in_sources import Family, sources_of


def write_clone(root: Path, family: Family) -> Path:
    """Write a clone and return its root."""
    files = sources_of(family)
    for name, text in files.items():
        path = root / "isegm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for folder in {(root / "isegm" / name).parent for name in files} | {root / "isegm"}:
        (folder / "__init__.py").touch()
    return root


def write_checkpoint(root: Path, family: Family, path: Path, seeds: Sequence[int] = (0,)) -> Path:
    """Write what `torch.save` makes of networks of a clone, and return its path; several seeds: several networks."""
    with without_a_trace():
        sys.path.insert(0, str(root))
        net_class = importlib.import_module("isegm.model.net").Net
        params: dict[str, Any] = {}
        if family is Family.FBRS:
            params = {"with_prev_mask": False}
        elif family is Family.SIMPLECLICK:
            params = {"positions": (28, 28)}
        contents = []
        for seed in seeds:
            torch.manual_seed(seed)
            state = net_class(**params).state_dict()
            config = {"class": net_class, "params": params}
            contents.append(state if family is Family.FBRS else {"config": config, "state_dict": state})
        torch.save(contents[0] if len(contents) == 1 else contents, path)
    return path


def clone_of(family: Family, folder: Path) -> tuple[Path, Path]:
    """Write a clone and a checkpoint of it, and return both paths."""
    root = write_clone(folder / family.value, family)
    return root, write_checkpoint(root, family, folder / "last.pth")


def loaded(family: Family, folder: Path, **options: str) -> IsegmModel:
    """Write a clone and a checkpoint of it, and load them."""
    root, checkpoint = clone_of(family, folder)
    return isegm(str(root), checkpoint=str(checkpoint), **options)


@contextmanager
def without_a_trace() -> Iterator[None]:
    """Make the process forget the clone that it imports within the block, and what was done for its sake."""
    search_path, old_names = list(sys.path), OLD_NAMES.keys() & vars(np).keys()
    try:
        yield
    finally:
        sys.path[:] = search_path
        for name in [name for name in sys.modules if f"{name}.".startswith("isegm.")]:
            del sys.modules[name]
        for name in OLD_NAMES.keys() & vars(np).keys() - old_names:
            delattr(np, name)
        importlib.invalidate_caches()

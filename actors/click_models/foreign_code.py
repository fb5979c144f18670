"""The one module that runs code of others: a plug-in, a package from a clone, and a checkpoint that is a pickle.

The user has named both on the command line and said that they are trusted; whoever calls this has made sure of it.
No data file and no weights file names code that runs here, except the checkpoint itself.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from actors.click_models.foreign_errors import plug_in_told_in_one_line, told_in_one_line
from mfp.errors import ModelError


def import_from_clone(root: Path, names: Sequence[str]) -> list[ModuleType]:
    """Import modules of one package from a clone; its root stays on the import path, behind all else.

    Args:
        root: the clone's folder; absolute, without links.
        names: dotted, all of the same package, which lies in `root`.

    Raises:
        ModelError: the process holds the package of another clone, Python finds an installed one first, or the import
            fails.

    """
    package = names[0].partition(".")[0]
    _refuse_another_place(package, root)
    if str(root) not in sys.path:
        sys.path.append(str(root))  # at the end, so that nothing of the clone hides a module of the process
    importlib.invalidate_caches()
    _refuse_another_place(package, root)
    with told_in_one_line(ModelError, f"{root}: the package {package} cannot be imported", package):
        return [importlib.import_module(name) for name in names]


def load_factory(place: str) -> Callable[..., Any]:
    """The function at `package.module:name` of an installed package, or of one on the import path.

    Raises:
        ModelError: there is no such place, or the import fails.

    """
    module, colon, name = place.partition(":")
    if not (module and colon and name):
        raise ModelError(f"{place!r} names no function: write package.module:function")
    package = module.partition(".")[0]
    if package == "__main__":
        raise ModelError(
            f"the click model {place} lies in the program that runs, which is another one on a worker: move it into a "
            "module that can be imported, and name that"
        )
    if not has_module(package):
        raise ModelError(
            f"the click model {place} is not here: there is no package {package}; install it on every node, in its "
            "image or its runtime environment"
        )
    with plug_in_told_in_one_line(f"the click model {place} cannot be imported"):
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    if not callable(found):
        raise ModelError(f"{place} is a {type(found).__name__} and no function that makes a click model")
    return found  # type: ignore[no-any-return]


def has_module(name: str) -> bool:
    """Whether a module can be imported; that of a clone after `import_from_clone` alone."""
    try:
        return importlib.util.find_spec(name) is not None
    # the first: its parent is missing; the second: a module of the process has no specification
    except (ModuleNotFoundError, ValueError):
        return False


@contextmanager
def unpickling(checkpoint: Path) -> Iterator[list[Any]]:
    """Within the block `torch.load` runs the pickle of this one file; all others stay as safe as they were.

    Yields:
        What was read from the file, to which each call appends.

    """
    safe_load = torch.load
    read: list[Any] = []

    def load(*args: Any, **words: Any) -> Any:
        if str(args[0] if args else words.get("f")) != str(checkpoint):
            return safe_load(*args, **words)
        read.append(safe_load(*args, **{**words, "weights_only": False}))
        return read[-1]

    torch.load = load
    try:
        yield read
    finally:
        torch.load = safe_load


def _refuse_another_place(package: str, root: Path) -> None:
    spec = importlib.util.find_spec(package)
    if spec is None:
        return
    places = [Path(place).resolve() for place in spec.submodule_search_locations or []]
    if places == [(root / package).resolve()]:
        return
    found = places[0].parent if places else spec.origin
    if package in sys.modules:
        raise ModelError(
            f"{root}: this process has loaded {package} from {found}, and a process can hold one clone; "
            "start another run for this one"
        )
    raise ModelError(
        f"{root}: Python finds another package {package} in {found} first; uninstall it, or start elsewhere"
    )

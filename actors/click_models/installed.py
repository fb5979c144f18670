"""The click models that installed packages bring, by the name that --model takes. Nothing of them is loaded."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from mfp.errors import ModelError

GROUP = "mfp.click_models"


def installed_models() -> list[EntryPoint]:
    """All of them, in the order of the alphabet; a name that two packages bring is there twice."""
    return sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, package_of(entry)))


def installed_model(name: str) -> EntryPoint | None:
    """The one of a name; None if no package brings one. ModelError if two packages do."""
    found = [entry for entry in installed_models() if entry.name == name]
    if len(found) > 1:
        raise ModelError(
            f"--model {name}: {' and '.join(map(package_of, found))} both bring a click model of that name; uninstall "
            f"one, or name the function: {' or '.join(f'python:{entry.value}' for entry in found)}"
        )
    return found[0] if found else None


def package_of(entry: EntryPoint) -> str:
    """The package that brings it, with its version; its place if no package is known."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value

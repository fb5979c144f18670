"""The click models that installed packages bring, by the name that --model takes. Nothing of them is loaded."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

GROUP = "mfp.click_models"


def installed_models() -> dict[str, EntryPoint]:
    """Entry points by their names, in the order of the alphabet."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}

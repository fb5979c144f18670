"""Which version of a package is installed, whatever the name of its distribution."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, packages_distributions, version


def version_of(package: str) -> str:
    """That of the distribution of this name, else names and versions of those that hold such a package; empty if none.

    `onnxruntime`, for one, is also what `onnxruntime-gpu` installs.
    """
    try:
        return version(package)
    except PackageNotFoundError:
        holders = sorted(set(packages_distributions().get(package, ())))
        return ", ".join(f"{holder} {version(holder)}" for holder in holders)

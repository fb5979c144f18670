"""What pages call runs."""

from __future__ import annotations

from collections.abc import Collection


def run_names(run_urls: Collection[str]) -> dict[str, str]:
    """A name for each run, by its place: the last part of it, or as many of the last parts as tell it from the others.

    A place that is given twice, or with and without a slash at its end, is one run and has one name.
    """
    parts = {url: url.rstrip("/").split("/") for url in run_urls}
    return {url: "/".join(_telling(of_url, parts.values())) or url for url, of_url in parts.items()}


def _telling(parts: list[str], of_all: Collection[list[str]]) -> list[str]:
    """The fewest last parts of a place that no other place ends with."""
    others = [other for other in of_all if other != parts]
    for count in range(1, len(parts)):
        if all(other[-count:] != parts[-count:] for other in others):
            return parts[-count:]
    return parts

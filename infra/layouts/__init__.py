"""The source layouts that `mfp shard` reads, by name."""

from __future__ import annotations

from collections.abc import Mapping

from infra.layouts.folder import read as read_folder
from infra.layouts.layout import LayoutOptions, LayoutReader, MaskValues

LAYOUTS: Mapping[str, LayoutReader] = {
    "folder": read_folder,
}

__all__ = ["LAYOUTS", "LayoutOptions", "LayoutReader", "MaskValues"]

"""The source layouts that `mfp shard` reads, by name."""

from __future__ import annotations

from collections.abc import Mapping

from infra.layouts.coco import read as read_coco
from infra.layouts.davis import read as read_davis
from infra.layouts.folder import read as read_folder
from infra.layouts.layout import LayoutOptions, LayoutReader, MaskValues
from infra.layouts.sbd import read as read_sbd
from infra.layouts.thresholded_masks import read_berkeley, read_grabcut
from infra.layouts.voc import read as read_voc

LAYOUTS: Mapping[str, LayoutReader] = {
    "folder": read_folder,
    "grabcut": read_grabcut,
    "berkeley": read_berkeley,
    "davis": read_davis,
    "voc": read_voc,
    "sbd": read_sbd,
    "coco": read_coco,
    "lvis": read_coco,
}

__all__ = ["LAYOUTS", "LayoutOptions", "LayoutReader", "MaskValues"]

"""The source layouts that `mfp shard` reads, by name."""

from __future__ import annotations

from collections.abc import Mapping

from infra.layouts.coco import read as read_coco
from infra.layouts.davis import read as read_davis
from infra.layouts.folder import read as read_folder
from infra.layouts.layout import Layout
from infra.layouts.sbd import read as read_sbd
from infra.layouts.thresholded_masks import read_berkeley, read_grabcut
from infra.layouts.voc import read as read_voc

_OF_MASK_FILES = frozenset({"mask_values", "ignore_value", "object_values"})
_LAYOUTS = (
    Layout("folder", read_folder, _OF_MASK_FILES),
    Layout("grabcut", read_grabcut),
    Layout("berkeley", read_berkeley),
    Layout("davis", read_davis, _OF_MASK_FILES),
    Layout("voc", read_voc, _OF_MASK_FILES),
    Layout("sbd", read_sbd),
    Layout("coco", read_coco, frozenset({"crowd"})),
    Layout("lvis", read_coco, frozenset({"crowd"})),
)
LAYOUTS: Mapping[str, Layout] = {layout.name: layout for layout in _LAYOUTS}

__all__ = ["LAYOUTS", "Layout"]

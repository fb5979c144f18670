"""The formats of exports by name: a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from infra.exports.coco import COCO
from infra.exports.cvat import CVAT
from infra.exports.datasets import DATASETS
from infra.exports.export_format import ExportFormat
from infra.exports.fiftyone import FIFTYONE
from infra.exports.label_studio import LABEL_STUDIO
from infra.exports.lvis import LVIS
from infra.exports.png import PNG
from infra.exports.voc import VOC
from infra.exports.yolo_seg import YOLO_SEG

FORMATS: Final[Mapping[str, ExportFormat]] = {
    known.name: known
    for known in (
        COCO,
        LVIS,
        YOLO_SEG,
        LABEL_STUDIO,
        CVAT,
        VOC,
        PNG,
        FIFTYONE,
        DATASETS,
    )
}

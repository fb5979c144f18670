"""COCO instances or YOLO segmentation as supervision reads them."""

from __future__ import annotations

import sys
from pathlib import Path

import supervision as sv

from tests.infra.exports.readers.mask_runs import Shown

folder, name = sys.argv[1:]
if name == "coco":
    dataset = sv.DetectionDataset.from_coco(
        f"{folder}/images", f"{folder}/annotations.json", force_masks=True
    )
else:
    dataset = sv.DetectionDataset.from_yolo(
        f"{folder}/images", f"{folder}/labels", f"{folder}/data.yaml", force_masks=True
    )
shown = Shown()
for path, _, detections in dataset:
    image = str(Path(path).relative_to(f"{folder}/images"))
    shown.image(image)
    if detections.mask is not None:
        for mask, label in zip(detections.mask, detections.class_id, strict=True):
            shown.mask(image, dataset.classes[label], mask)
shown.write()

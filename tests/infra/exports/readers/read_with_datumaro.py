"""A format that datumaro reads; its own name of the format comes second."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset

from tests.infra.exports.readers.mask_runs import Shown

folder, name = sys.argv[1:]
if name == "coco_instances":  # it wants names of its own for files
    around = Path(tempfile.mkdtemp())
    (around / "annotations").mkdir()
    (around / "images").symlink_to(Path(folder, "images"))
    (around / "annotations/instances_all.json").symlink_to(Path(folder, "annotations.json"))
    folder = str(around)
dataset, shown = Dataset.import_from(folder, name), Shown()
labels = dataset.categories()[AnnotationType.label]
for item in dataset:
    shown.image(f"{item.id}.png")
    for annotation in item.annotations:
        if annotation.type == AnnotationType.mask:
            shown.mask(f"{item.id}.png", labels[annotation.label].name, annotation.image)
shown.write()

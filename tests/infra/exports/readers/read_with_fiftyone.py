"""Samples of FiftyOne as the importer behind `Dataset.from_dir` yields them; it needs no database until then."""

from __future__ import annotations

import sys
from pathlib import Path

from fiftyone.utils.data import LegacyFiftyOneDatasetImporter
from PIL import Image

from tests.infra.exports.readers.mask_runs import Shown

importer, shown = LegacyFiftyOneDatasetImporter(sys.argv[1]), Shown()
importer.setup()
for sample in importer:
    name = str(Path(sample.filepath).relative_to(Path(sys.argv[1], "images")))
    with Image.open(sample.filepath) as picture:
        width, height = picture.size
    shown.image(name)
    for detection in sample["masks"].detections:
        shown.mask(name, detection.label, detection.to_segmentation(frame_size=(width, height)).mask)
shown.write()

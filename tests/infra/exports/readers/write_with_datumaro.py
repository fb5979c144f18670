"""An export that datumaro has read and written: FOLDER, its names of the format before and after, TO, OPTION=VALUE."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from datumaro.components.dataset import Dataset

folder, read_as, write_as, to, *options = sys.argv[1:]
if read_as == "coco_instances":  # it wants names of its own for files
    around = Path(tempfile.mkdtemp())
    (around / "annotations").mkdir()
    (around / "images").symlink_to(Path(folder, "images"))
    (around / "annotations/instances_all.json").symlink_to(Path(folder, "annotations.json"))
    folder = str(around)
Dataset.import_from(folder, read_as).export(to, write_as, **dict(option.split("=") for option in options))

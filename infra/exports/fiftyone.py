"""FiftyOne: `samples.json` and `metadata.json`, with a PNG per mask, which `fiftyone.Dataset.from_dir` reads.

Its `dataset_type` is `fiftyone.types.LegacyFiftyOneDataset`, the one of FiftyOne's own layouts that does not depend on
the version of its database. Masks are detections of the field `masks`; a PNG holds the mask inside its bounding box, as
files, since a document of the database has room for 16 MB. Every sample has its `sample_key`, every detection its
`object_id` and figures. An empty mask is a detection of no size without a PNG.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import cv2
import numpy as np

from infra.errors import ExportError
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.file_name import object_paths
from infra.exports.json_lists import JsonDocument, read_entries
from infra.exports.mask_window import counts_of, window_of
from infra.exports.surplus import refuse_surplus
from infra.storage.files import join

FILE, METADATA_FILE = "samples.json", "metadata.json"
MASKS_FOLDER = "fields/masks.detections"
"""FiftyOne resolves relative paths of a field only if a folder below `fields` has its name."""
_WRITES_AT_ONCE = 16  # a small file is all waiting
_SAMPLES, _MASKS = "samples", "masks"


class FiftyOneWriter:
    """See ExportWriter."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._samples = JsonDocument(_SAMPLES)
        self._threads = ThreadPoolExecutor(_WRITES_AT_ONCE)

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter."""
        files = _mask_files(sample)
        detections = list(self._threads.map(partial(self._detection, sample), sample.objects, files))
        entry: dict[str, object] = {
            "filepath": _file_path(self._target, sample),
            "tags": [],
            "metadata": None,
            "sample_key": sample.key,
            _MASKS: {"_cls": "Detections", "detections": detections},
        }
        self._samples.append(_SAMPLES, entry)

    def finish(self) -> None:
        """See ExportWriter."""
        storage, url = self._target.storage, self._target.url
        self._samples.write(storage, join(url, FILE), {})
        metadata = {"media_type": "image", "info": dict(self._target.provenance)}
        storage.write_bytes(join(url, METADATA_FILE), json.dumps(metadata, indent=1).encode())

    def close(self) -> None:
        """See ExportWriter."""
        self._threads.shutdown(cancel_futures=True)
        self._samples.close()

    def _detection(self, sample: ExportedSample, one: ExportedObject, file: str) -> dict[str, Any]:
        x, y, w, h = one.bbox
        detection: dict[str, Any] = {
            "_cls": "Detection",
            "label": one.category,
            "bounding_box": [x / sample.width, y / sample.height, w / sample.width, h / sample.height],
            "object_id": one.object_id,
            **one.figures,
        }
        if "quality" in one.figures:
            detection["confidence"] = one.figures["quality"]
        if one.area:
            window = window_of(one.rle, one.bbox, sample.height, sample.width)
            _, encoded = cv2.imencode(".png", window.astype(np.uint8) * 255)
            self._target.storage.write_bytes(join(self._target.url, file), encoded.tobytes())
            detection["mask_path"] = file
        return detection


class FiftyOneReader:
    """See ExportReader."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._url = join(target.url, FILE)
        self._samples = read_entries(target.storage, self._url, _SAMPLES)

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        entry: dict[str, Any] = next(self._samples, {})
        expected = (sample.key, _file_path(self._target, sample))
        if (entry.get("sample_key"), entry.get("filepath")) != expected:
            raise ExportError(f"{self._url} lacks sample {sample.key!r}: export again")
        detections = entry[_MASKS]["detections"]
        found = [(one["object_id"], one["label"], one.get("mask_path", "")) for one in detections]
        if found != [
            (one.object_id, one.category, file if one.area else "")
            for one, file in zip(sample.objects, _mask_files(sample), strict=True)
        ]:
            raise ExportError(
                f"{self._url} lacks objects of sample {sample.key!r}, or has others: export again"
            )
        return [self._counts(detection, sample) for detection in detections]

    def finish(self) -> None:
        """See ExportReader."""
        refuse_surplus(self._samples, self._url)

    def close(self) -> None:
        """See ExportReader."""
        self._samples.close()

    def _counts(self, detection: dict[str, Any], sample: ExportedSample) -> bytes:
        size = (sample.width, sample.height)
        if "mask_path" not in detection:
            return counts_of(np.zeros((1, 1), np.bool_), 0, 0, sample.height, sample.width)
        url = join(self._target.url, detection["mask_path"])
        window = cv2.imdecode(
            np.frombuffer(self._target.storage.read_bytes(url), np.uint8), cv2.IMREAD_UNCHANGED
        )
        x, y, w, h = (
            round(part * side) for part, side in zip(detection["bounding_box"], size * 2, strict=True)
        )
        if window is None or window.shape != (h, w):
            raise ExportError(f"{url} is no mask of {w} x {h} pixels: export again")
        return counts_of(window > 0, x, y, sample.height, sample.width)


def _mask_files(sample: ExportedSample) -> list[str]:
    """The files of the masks of its objects, from the export's folder."""
    paths = object_paths(sample.file_name, [one.object_id for one in sample.objects], "png")
    return [f"{MASKS_FOLDER}/{path}" for path in paths]


def _file_path(target: ExportTarget, sample: ExportedSample) -> str:
    return (target.image_prefix or "images/") + sample.file_name


FIFTYONE = ExportFormat("fiftyone", FiftyOneWriter, FiftyOneReader, exact_shapes=("rle",))

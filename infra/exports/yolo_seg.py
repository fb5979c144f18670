"""YOLO segmentation: `labels/<image>.txt` with a line per object, and `data.yaml`.

A line is the number of a class and one ring of points (x, y), in parts of width and height. YOLO has one ring for an
object: its parts and holes are joined by bridges (`one_ring.py`), so that nothing is dropped. Points lie in pixels of
the mask. Ultralytics multiplies them by the size of the image, cuts them to whole numbers, and draws the ring with
OpenCV's `fillPoly`, which also draws its border; the reader here does the same. Supervision rounds them instead. A
mask of one part comes back exactly from both, with its holes.

YOLO looks for images beside the labels: export with `--images`, or put them into `images/` under the names that
`object_ids.json` has. That file also has the ids of the objects in the order of the lines. An empty mask has no line.
Ultralytics takes two lines of one class and one bounding box for a duplicate, and leaves the second out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from infra.errors import ExportError
from infra.exports.categories import Categories
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.file_name import without_suffix
from infra.exports.mask_window import counts_of, window_of
from infra.exports.one_ring import one_ring
from infra.exports.spooled_lines import SpooledDocument, read_list
from infra.exports.yaml_text import yaml_text
from infra.storage.files import join

FILE = "data.yaml"
IDS_FILE = "object_ids.json"
_IMAGES = "images"
_INSIDE_PIXEL = 0.25  # programs that cut and programs that round find the same pixel
_FEWEST_POINTS = 3  # a line of 2 points reads as a box


class YoloWriter:
    """See ExportWriter."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._categories = Categories(first=0)
        self._ids = SpooledDocument(_IMAGES)

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter."""
        shown = [one for one in sample.objects if one.area]
        lines = "".join(f"{self._line(sample, one)}\n" for one in shown)
        url = join(self._target.url, label_path(sample.file_name))
        self._target.storage.write_bytes(url, lines.encode("ascii"))
        entry = {
            "file_name": sample.file_name,
            "sample_key": sample.key,
            "object_ids": [one.object_id for one in shown],
        }
        self._ids.append(_IMAGES, entry)

    def finish(self) -> None:
        """See ExportWriter."""
        storage, url = self._target.storage, self._target.url
        self._ids.write(storage, join(url, IDS_FILE), {"info": dict(self._target.provenance)})
        storage.write_bytes(join(url, FILE), "".join(self._data_yaml()).encode())

    def close(self) -> None:
        """See ExportWriter."""
        self._ids.close()

    def _line(self, sample: ExportedSample, one: ExportedObject) -> str:
        ring = one_ring(window_of(one.rle, one.bbox, sample.height, sample.width))
        ring = np.concatenate([ring, ring[-1:].repeat(max(0, _FEWEST_POINTS - len(ring)), axis=0)])
        corner = np.array([one.bbox.x, one.bbox.y])
        parts = (ring + corner + _INSIDE_PIXEL) / (sample.width, sample.height)
        numbers = " ".join(f"{part:.6f}" for part in parts.ravel().tolist())
        return f"{self._categories.number_of(one.category)} {numbers}"

    def _data_yaml(self) -> Iterator[str]:
        yield "# one set: split it as you like; val is here since Ultralytics asks for it\n"
        yield f"train: {_IMAGES}\nval: {_IMAGES}\nnames:{'' if self._categories.names else ' {}'}\n"
        for number, name in self._categories.names.items():
            yield f"  {number}: {yaml_text(name)}\n"


class YoloReader:
    """See ExportReader."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._ids = read_list(target.storage, join(target.url, IDS_FILE), _IMAGES)

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        entry: dict[str, Any] = next(self._ids, {})
        url = join(self._target.url, label_path(sample.file_name))
        if (entry.get("file_name"), entry.get("sample_key")) != (sample.file_name, sample.key):
            raise ExportError(f"{self._target.url} lacks the image of sample {sample.key!r}: export again")
        lines = self._target.storage.read_bytes(url).decode("ascii").splitlines()
        if len(lines) != len(entry["object_ids"]):
            raise ExportError(f"{url} has not one line for each object that {IDS_FILE} has: export again")
        found = {
            object_id: _counts(line, sample.height, sample.width)
            for object_id, line in zip(entry["object_ids"], lines, strict=True)
        }
        empty = counts_of(np.zeros((1, 1), np.bool_), 0, 0, sample.height, sample.width)
        return [found.get(one.object_id, empty) for one in sample.objects]

    def close(self) -> None:
        """See ExportReader."""
        self._ids.close()


def label_path(file_name: str) -> str:
    """Return where Ultralytics looks for the labels of an image of the folder of images, from the export's folder.

    It puts `labels` in place of the last folder `images` of the path, which may be one of the sample key.
    """
    before, _, after = f"/{_IMAGES}/{file_name}".rpartition(f"/{_IMAGES}/")
    return f"{before}/labels/{without_suffix(after)}.txt".lstrip("/")


def _counts(line: str, height: int, width: int) -> bytes:
    parts = np.array(line.split()[1:], np.float64).reshape(-1, 2)
    points: npt.NDArray[np.int32] = (parts * (width, height)).astype(np.int32)
    first, last = points.min(axis=0), points.max(axis=0)
    w, h = (last - first + 1).tolist()
    window = np.zeros((h, w), np.uint8)
    cv2.fillPoly(window, [points - first], 1)
    return counts_of(window > 0, int(first[0]), int(first[1]), height, width)


YOLO_SEG = ExportFormat("yolo-seg", YoloWriter, YoloReader)

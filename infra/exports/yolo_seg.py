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

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from infra.errors import ExportError
from infra.exports.categories import Categories
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.file_name import without_suffix
from infra.exports.json_lists import JsonDocument, read_entries
from infra.exports.mask_window import counts_of, window_of
from infra.exports.one_ring import one_ring
from infra.exports.surplus import refuse_surplus
from infra.exports.yaml_text import yaml_text
from infra.storage.files import join

FILE = "data.yaml"
IDS_FILE = "object_ids.json"
_IMAGES = "images"
_NAME_INDENT = "  "
_INSIDE_PIXEL = 0.25  # programs that cut and programs that round find the same pixel
_FEWEST_POINTS = 3  # a line of 2 points reads as a box


class YoloWriter:
    """See ExportWriter."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._categories = Categories(first=0)
        self._ids = JsonDocument(_IMAGES)

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter."""
        shown = _shown(sample)
        lines = "".join(f"{self._line(sample, one)}\n" for one in shown)
        url = join(self._target.url, label_path(sample.file_name))
        self._target.storage.write_bytes(url, lines.encode("ascii"))
        self._ids.append(_IMAGES, _ids_entry(sample))

    def finish(self) -> None:
        """See ExportWriter."""
        storage, url = self._target.storage, self._target.url
        self._ids.write(storage, join(url, IDS_FILE), {"info": dict(self._target.provenance)})
        storage.write_bytes(join(url, FILE), "".join(self._data_yaml()).encode("ascii"))

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
            yield f"{_NAME_INDENT}{number}: {yaml_text(name)}\n"


class YoloReader:
    """See ExportReader."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._ids = read_entries(target.storage, join(target.url, IDS_FILE), _IMAGES)
        self._names = _quoted_names(target.storage.read_bytes(join(target.url, FILE)))

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        if next(self._ids, {}) != _ids_entry(sample):
            raise ExportError(
                f"{join(self._target.url, IDS_FILE)} has not the objects of sample {sample.key!r}: export again"
            )
        url = join(self._target.url, label_path(sample.file_name))
        lines = self._target.storage.read_bytes(url).decode("ascii").splitlines()
        names = [self._names.get(line.partition(" ")[0]) for line in lines]
        shown = _shown(sample)
        if names != [yaml_text(one.category) for one in shown]:
            raise ExportError(f"{url} has not the objects of sample {sample.key!r}: export again")
        found = {
            one.object_id: _counts(line, sample.height, sample.width)
            for one, line in zip(shown, lines, strict=True)
        }
        empty = counts_of(np.zeros((1, 1), np.bool_), 0, 0, sample.height, sample.width)
        return [found.get(one.object_id, empty) for one in sample.objects]

    def finish(self) -> None:
        """See ExportReader."""
        refuse_surplus(self._ids, join(self._target.url, IDS_FILE))

    def close(self) -> None:
        """See ExportReader."""
        self._ids.close()


def _shown(sample: ExportedSample) -> list[ExportedObject]:
    """The objects that have a line."""
    return [one for one in sample.objects if one.area]


def _ids_entry(sample: ExportedSample) -> dict[str, Any]:
    ids = [one.object_id for one in _shown(sample)]
    return {"file_name": sample.file_name, "sample_key": sample.key, "object_ids": ids}


def label_path(file_name: str) -> str:
    """Return where Ultralytics looks for the labels of an image of the folder of images, from the export's folder.

    It puts `labels` in place of the last folder `images` of the path, which may be one of the sample key.
    """
    before, _, after = f"/{_IMAGES}/{file_name}".rpartition(f"/{_IMAGES}/")
    return f"{before}/labels/{without_suffix(after)}.txt".lstrip("/")


def _quoted_names(data_yaml: bytes) -> Mapping[str, str]:
    """Names of classes by number, both as they are written in `data.yaml`."""
    lines = data_yaml.decode("ascii", "replace").splitlines()
    entries = [
        line.removeprefix(_NAME_INDENT).partition(": ") for line in lines if line.startswith(_NAME_INDENT)
    ]
    return {number: quoted for number, _, quoted in entries}


def _counts(line: str, height: int, width: int) -> bytes:
    parts = np.array(line.split()[1:], np.float64).reshape(-1, 2)
    points: npt.NDArray[np.int32] = (parts * (width, height)).astype(np.int32)
    first, last = points.min(axis=0), points.max(axis=0)
    w, h = (last - first + 1).tolist()
    window = np.zeros((h, w), np.uint8)
    cv2.fillPoly(window, [points - first], 1)
    return counts_of(window > 0, int(first[0]), int(first[1]), height, width)


YOLO_SEG = ExportFormat("yolo-seg", YoloWriter, YoloReader, names_images=False)

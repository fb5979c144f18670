"""One PNG of 0 and 255 for each object, in `masks/KEY/OBJECT.png`, and `index.csv`, which says whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import numpy as np

from infra import rle
from infra.errors import ExportError
from infra.exports.csv_index import CsvIndex, read_index
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.file_name import object_paths
from infra.exports.mask_png import png_of, values_of
from infra.exports.surplus import refuse_surplus
from infra.storage.files import join

INDEX_FILE: Final = "index.csv"
_FOLDER = "masks"
_OBJECT = 255
_WRITES_AT_ONCE = 16  # a small file is all waiting
_COLUMNS = (
    "sample_key",
    "object_id",
    "category",
    "file",
    "image",
    "height",
    "width",
    "x",
    "y",
    "w",
    "h",
    "area",
)
_FIGURES = ("iou", "quality", "num_clicks", "model_id")


class PngWriter:
    """See ExportWriter."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._index = CsvIndex((*_COLUMNS, *_FIGURES))
        self._threads = ThreadPoolExecutor(_WRITES_AT_ONCE)

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter."""
        files = _files(sample)
        list(self._threads.map(partial(self._write_mask, sample), sample.objects, files))
        for one, file in zip(sample.objects, files, strict=True):
            row = {
                "sample_key": sample.key,
                "object_id": one.object_id,
                "category": one.category,
                "file": file,
                "image": f"{self._target.image_prefix}{sample.file_name}",
                "height": sample.height,
                "width": sample.width,
                **one.bbox._asdict(),
                "area": one.area,
                **one.figures,
            }
            self._index.append(row)

    def finish(self) -> None:
        """See ExportWriter."""
        self._index.write(self._target.storage, join(self._target.url, INDEX_FILE))

    def close(self) -> None:
        """See ExportWriter."""
        self._threads.shutdown(cancel_futures=True)
        self._index.close()

    def _write_mask(self, sample: ExportedSample, one: ExportedObject, file: str) -> None:
        mask = rle.decode(one.rle, sample.height, sample.width)
        data = png_of(mask.astype(np.uint8) * np.uint8(_OBJECT))
        self._target.storage.write_bytes(join(self._target.url, file), data)


class PngReader:
    """See ExportReader."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._url = join(target.url, INDEX_FILE)
        self._rows = read_index(target.storage, self._url)

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        found = []
        image = f"{self._target.image_prefix}{sample.file_name}"
        for one, file in zip(sample.objects, _files(sample), strict=True):
            row = next(self._rows, {})
            expected = (sample.key, one.object_id, one.category, file, image)
            if tuple(row.get(name) for name in _COLUMNS[: len(expected)]) != expected:
                raise ExportError(
                    f"{self._url} lacks object {one.object_id!r} of sample {sample.key!r}: export again"
                )
            found.append(self._mask(file, sample))
        return found

    def finish(self) -> None:
        """See ExportReader."""
        refuse_surplus(self._rows, self._url)

    def close(self) -> None:
        """See ExportReader."""
        self._rows.close()

    def _mask(self, file: str, sample: ExportedSample) -> bytes:
        url = join(self._target.url, file)
        values = values_of(self._target.storage.read_bytes(url), sample.height, sample.width, url)
        if not np.isin(values, (0, _OBJECT)).all():
            raise ExportError(f"{url} has other values than 0 and {_OBJECT}: export again")
        return rle.encode(values == _OBJECT)


def _files(sample: ExportedSample) -> list[str]:
    """The files of its objects, from the export's folder."""
    paths = object_paths(sample.file_name, [one.object_id for one in sample.objects], "png")
    return [join(_FOLDER, path) for path in paths]


PNG = ExportFormat("png", PngWriter, PngReader, exact_shapes=("rle",))

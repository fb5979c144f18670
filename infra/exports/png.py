"""One PNG of 0 and 255 for each object, in `masks/KEY/OBJECT.png`, and `index.csv`, which says whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from infra import rle
from infra.errors import ExportError
from infra.exports.csv_index import CsvIndex, read_index
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedSample
from infra.exports.file_name import object_path
from infra.exports.mask_png import png_of, values_of
from infra.storage.files import join

INDEX_FILE: Final = "index.csv"
_FOLDER = "masks"
_OBJECT = 255
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

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter."""
        for one in sample.objects:
            path = join(_FOLDER, object_path(sample.key, one.object_id, "png"))
            mask = rle.decode(one.rle, sample.height, sample.width)
            data = png_of(mask.astype(np.uint8) * np.uint8(_OBJECT))
            self._target.storage.write_bytes(join(self._target.url, path), data)
            row = {
                "sample_key": sample.key,
                "object_id": one.object_id,
                "category": one.category,
                "file": path,
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
        self._index.close()


class PngReader:
    """See ExportReader."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._url = join(target.url, INDEX_FILE)
        self._rows = read_index(target.storage, self._url)

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        found = []
        for one in sample.objects:
            row = next(self._rows, {})
            expected = (sample.key, one.object_id, one.category)
            if tuple(row.get(name) for name in ("sample_key", "object_id", "category")) != expected:
                raise ExportError(
                    f"{self._url} lacks object {one.object_id!r} of sample {sample.key!r}: export again"
                )
            found.append(self._mask(row.get("file", ""), sample))
        return found

    def close(self) -> None:
        """See ExportReader."""
        self._rows.close()

    def _mask(self, file: str, sample: ExportedSample) -> bytes:
        url = join(self._target.url, file)
        values = values_of(self._target.storage.read_bytes(url), sample.height, sample.width, url)
        if not np.isin(values, (0, _OBJECT)).all():
            raise ExportError(f"{url} has other values than 0 and {_OBJECT}: export again")
        return rle.encode(values == _OBJECT)


PNG = ExportFormat("png", PngWriter, PngReader, exact_shapes=("rle",))

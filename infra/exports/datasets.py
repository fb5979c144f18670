"""Parquet files as Hugging Face `datasets` reads them: a row per image, with its bytes and the list of its objects."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import suppress
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from infra.errors import ExportError
from infra.exports.datasets_schema import row_of, schema_of
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedSample
from infra.exports.surplus import refuse_surplus
from infra.storage.files import Storage, join
from infra.storage.scratch_folder import ScratchFolder, no_room

MAX_FILE_BYTES = 2**28
MAX_GROUP_BYTES = 2**25
"""Of the images and masks of a row group, as given; the last row may go beyond."""
MAX_GROUP_ROWS = 100
_CARD: Final = "README.md"
_FOLDER = "data"
_SPLIT = re.compile(r"\w+(\.\w+)*")
_USUAL_SPLIT = "train"


class DatasetsWriter:
    """See ExportWriter. Memory holds a row group, the local disk a file."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._split = target.split if _SPLIT.fullmatch(target.split) else _USUAL_SPLIT
        self._scratch = ScratchFolder()
        self._path = self._scratch.path / "rows.parquet"
        self._schema = schema_of(dict(target.provenance))
        self._rows: list[dict[str, Any]] = []
        self._group_bytes = self._file_bytes = self._num_files = 0
        self._file: pq.ParquetWriter | None = None

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter."""
        self._rows.append(row_of(sample))
        num_bytes = len(sample.image_bytes) + sum(len(one.rle) for one in sample.objects)
        self._group_bytes += num_bytes
        self._file_bytes += num_bytes
        if self._group_bytes >= MAX_GROUP_BYTES or len(self._rows) >= MAX_GROUP_ROWS:
            self._write_group()
        if self._file_bytes >= MAX_FILE_BYTES:
            self._write_file()

    def finish(self) -> None:
        """See ExportWriter."""
        self._write_file()
        storage, url = self._target.storage, join(self._target.url, _CARD)
        storage.write_bytes(url, _card(self._split).encode())

    def close(self) -> None:
        """See ExportWriter."""
        if self._file is not None:
            with suppress(OSError):  # a full disk was told before
                self._file.close()
        self._scratch.close()

    def _write_group(self) -> None:
        if not self._rows:
            return
        try:
            if self._file is None:
                self._file = pq.ParquetWriter(self._path, self._schema, compression="zstd")
            self._file.write_table(pa.Table.from_pylist(self._rows, self._schema))
        except OSError as error:
            raise no_room(self._path, error) from error
        self._rows.clear()
        self._group_bytes = 0

    def _write_file(self) -> None:
        self._write_group()
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError as error:
            raise no_room(self._path, error) from error
        self._file = None
        url = join(self._target.url, _FOLDER, f"{self._split}-{self._num_files:05d}.parquet")
        self._target.storage.write_file(url, self._path)
        self._num_files += 1
        self._file_bytes = 0


class DatasetsReader:
    """See ExportReader."""

    def __init__(self, target: ExportTarget) -> None:
        self._url = join(target.url, _FOLDER)
        self._rows = _rows(target.storage, self._url)

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        row: dict[str, Any] = next(self._rows, {})
        image = row.get("image") or {}
        if (row.get("sample_key"), image.get("path")) != (sample.key, sample.file_name):
            raise ExportError(f"{self._url} lacks sample {sample.key!r}: export again")
        if image["bytes"] != sample.image_bytes:
            raise ExportError(f"{self._url} has another image for sample {sample.key!r}: export again")
        objects = row.get("objects") or []
        found = [(entry["object_id"], entry["category"], entry["rle"]["size"]) for entry in objects]
        size = [sample.height, sample.width]
        if found != [(one.object_id, one.category, size) for one in sample.objects]:
            raise ExportError(f"{self._url} has not the objects of sample {sample.key!r}: export again")
        return [entry["rle"]["counts"].encode() for entry in objects]

    def finish(self) -> None:
        """See ExportReader."""
        refuse_surplus(self._rows, self._url)

    def close(self) -> None:
        """See ExportReader."""
        self._rows.close()


def _rows(storage: Storage, folder: str) -> Generator[dict[str, Any], None, None]:
    for url in storage.list(folder):
        try:
            with storage.open_read(url) as stream, pq.ParquetFile(stream, pre_buffer=False) as file:
                for batch in file.iter_batches(MAX_GROUP_ROWS, use_threads=False):
                    for place in range(batch.num_rows):  # one image at a time as Python objects
                        yield batch.slice(place, 1).to_pylist()[0]
        except (pa.ArrowInvalid, OSError) as error:
            raise ExportError(f"{url} is broken ({str(error).splitlines()[0]}): export again") from None


def _card(split: str) -> str:
    """What `datasets` reads first: which files are the data set, since objects.parquet beside them is not."""
    return f"""---
configs:
- config_name: default
  data_files:
  - split: {split}
    path: {_FOLDER}/*.parquet
---

Masks made by mfp. A row is an image: `sample_key`, `image`, `height`, `width`, and `objects`, each with `object_id`,
`category`, `rle` (COCO's compressed counts with their size: what `pycocotools.mask.decode` takes), `bbox` (x, y,
width, height in pixels), `area` in pixels, and `iou`, `quality`, `num_clicks` and `model_id` as far as they are known.
"""


DATASETS = ExportFormat(
    "datasets",
    DatasetsWriter,
    DatasetsReader,
    always_has_images=True,
    exact_shapes=("rle",),
    names_images=False,
)

"""Memory of a process that exports: `python -m tests.infra.exports.memory_by_sample FORMAT IMAGES FOLDER`.

Every image has 1,000 small masks. Tells how far the peak lies, in bytes, above the memory when a tenth of the images
was through: while they are written, until the export is finished, and while it is read back.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np

from infra.exports.compared_masks import compared
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.formats import FORMATS
from infra.exports.mask_window import counts_of
from infra.runs.tables import BoundingBox
from tests.infra.exports.drawn_samples import target_at
from tests.process_memory import forget_peak, resident_bytes

SIDE, OBJECTS_OF_IMAGE = 256, 1000


def samples(num_images: int) -> Iterator[ExportedSample]:
    """Images that share their objects: only what an export keeps of them grows."""
    window = np.ones((5, 6), np.bool_)
    objects = []
    for number in range(OBJECTS_OF_IMAGE):
        x, y = number * 7 % (SIDE - 6), number * 13 % (SIDE - 5)
        counts = counts_of(window, x, y, SIDE, SIDE)
        box, figures = BoundingBox(x, y, 6, 5), {"iou": 0.5, "quality": 0.75, "num_clicks": 3}
        objects.append(ExportedObject(str(number), "object", counts, box, 30, figures))
    one = ExportedSample("", "", SIDE, SIDE, b"", tuple(objects))
    for number in range(num_images):
        yield replace(one, key=f"s{number}", file_name=f"s{number}.png")


class Growth:
    """The peak above the memory when a tenth of the images had passed."""

    def __init__(self, num_images: int) -> None:
        self._first = num_images // 10
        self._passed = self._before = 0

    def image_has_passed(self) -> None:
        self._passed += 1
        if self._passed == self._first:
            forget_peak()
            self._before = resident_bytes()

    @property
    def num_bytes(self) -> int:
        return resident_bytes("VmHWM") - self._before


def main() -> None:
    name, num_images, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    known, target = FORMATS[name], target_at(folder)
    writing, reading = Growth(num_images), Growth(num_images)
    with closing(known.write(target)) as writer:
        for sample in samples(num_images):
            writer.add(sample)
            writing.image_has_passed()
        while_writing = writing.num_bytes
        writer.finish()
        until_finished = writing.num_bytes
    with closing(known.read(target)) as reader:
        for sample in samples(num_images):
            assert all(one.kept_iou == 1 for one in compared(sample, reader, name, is_exact=True))
            reading.image_has_passed()
        reader.finish()
        while_reading = reading.num_bytes
    sys.stdout.write(f"{while_writing} {until_finished} {while_reading}")


if __name__ == "__main__":
    main()

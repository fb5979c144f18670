"""Exports as the programs that they are made for read them, mask by mask.

`make readers` makes the environments; without one its tests skip.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from infra import rle
from infra.exports.exported_sample import ExportedSample
from infra.exports.format_names import FormatName
from tests.infra.exports.reader_environments import Mask, masks_that_reader_sees
from tests.infra.exports.written import HARD_NAMES, exported_object, exported_sample, write_export

READERS: tuple[tuple[FormatName, str, str, tuple[str, ...]], ...] = (
    ("coco", "vision", "pycocotools", ()),
    ("coco", "vision", "faster_coco_eval", ()),
    ("coco", "vision", "supervision", ("coco",)),
    ("coco", "labels", "datumaro", ("coco_instances",)),
    ("lvis", "vision", "lvis", ()),
    ("yolo-seg", "vision", "supervision", ("yolo-seg",)),
    ("yolo-seg", "vision", "ultralytics", ()),
    ("label-studio", "labels", "label_studio_sdk", ()),
    ("cvat", "labels", "datumaro", ("cvat",)),
    ("voc", "labels", "datumaro", ("voc_segmentation",)),
    ("fiftyone", "fiftyone", "fiftyone", ()),
    ("datasets", "labels", "datasets", ()),
)


@pytest.mark.parametrize("name, environment, reader, arguments", READERS)
def test_a_program_sees_the_masks_and_classes_of_the_run(
    name: FormatName, environment: str, reader: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    samples = _samples(name)
    write_export(tmp_path, name, samples, images=True)
    found = masks_that_reader_sees(environment, reader, str(tmp_path), *arguments)
    assert found == {sample.file_name: sorted(_masks(sample)) for sample in samples}


def test_datumaro_drops_label_files_of_yolo_whose_first_line_is_no_box(tmp_path: Path) -> None:
    whole = exported_object("1", np.ones((4, 6), bool))
    samples = [exported_sample("ring", (4, 6), [whole]), exported_sample("none", (4, 6), [])]
    write_export(tmp_path, "yolo-seg", samples, images=True)
    assert masks_that_reader_sees("labels", "datumaro", str(tmp_path), "yolo") == {"none.png": []}
    (tmp_path / "labels/ring.txt").write_text("0 0.5 0.5 1 1\n")  # class, centre, width and height
    found = masks_that_reader_sees("labels", "datumaro", str(tmp_path), "yolo")
    assert found == {"none.png": [], "ring.png": []}


def _samples(name: FormatName) -> list[ExportedSample]:
    """Images with a mask that has holes, one pixel in a corner, a thin line, and names that need quotes."""
    shape = (40, 50)
    ring, far_corner, thin = (np.zeros(shape, bool) for _ in range(3))
    ring[3:20, 4:30] = True
    ring[6:9, 8:12] = ring[11:15, 8:25] = False
    far_corner[39, 49] = True
    thin[25, :] = True
    masks = (ring, far_corner, thin)
    names = HARD_NAMES if name != "voc" else tuple(f"class{number}" for number in range(len(HARD_NAMES)))
    first = [exported_object(str(n), mask, names[n], {"quality": 0.5}) for n, mask in enumerate(masks)]
    others = [_sample_of_one(f"k{n}.x", shape, ring, label) for n, label in enumerate(names)]
    return [exported_sample("b.c", shape, first), *others]


def _sample_of_one(
    key: str, shape: tuple[int, int], mask: npt.NDArray[np.bool_], label: str
) -> ExportedSample:
    return exported_sample(key, shape, [exported_object("1", mask, label)])


def _masks(sample: ExportedSample) -> list[Mask]:
    found: list[Mask] = []
    for one in sample.objects:
        mask = rle.decode(one.rle, sample.height, sample.width)
        turns = np.flatnonzero(np.diff(mask.ravel(), prepend=False))
        runs = np.diff(turns, prepend=0, append=mask.size).tolist()
        found.append((one.category, (sample.height, sample.width), tuple(runs)))
    return found

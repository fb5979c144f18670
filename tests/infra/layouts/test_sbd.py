"""SBD."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from infra.errors import LayoutError, Reason, SampleError
from infra.layout_options import LayoutOptions
from infra.layouts.sbd import decode_instances
from tests.infra.layouts.sources import HEIGHT, WIDTH, image_file, masks_of, read_all, rectangle, sbd_file


@pytest.fixture
def source(tmp_path: Path) -> Path:
    instances = rectangle(slice(1, 5), slice(1, 5), 1)
    instances[6:10, 6:15] = 2
    for stem in ("2008_000002", "2008_000003"):
        image_file(tmp_path / f"img/{stem}.jpg")
        sbd_file(tmp_path / f"inst/{stem}.mat", instances)
    (tmp_path / "val.txt").write_text("2008_000003\r\n")
    return tmp_path


def test_every_instance_is_one_object_and_nothing_is_ignored(source: Path) -> None:
    samples, quarantined = read_all("sbd", source)
    assert not quarantined
    assert [sample.key for sample in samples] == ["2008_000002", "2008_000003"]
    assert {object_id: mask.sum() for object_id, mask in masks_of(samples[0]).items()} == {"1": 16, "2": 36}
    assert samples[0].ignore_rle is None


def test_instance_255_is_an_object_like_any_other(source: Path) -> None:
    sbd_file(source / "inst/2008_000002.mat", rectangle(slice(0, 2), slice(0, 2), 255))
    assert list(masks_of(read_all("sbd", source)[0][0])) == ["255"]


def test_a_split_is_a_list_beside_the_folders(source: Path) -> None:
    samples, _ = read_all("sbd", source, LayoutOptions(split="val"))
    assert [sample.key for sample in samples] == ["2008_000003"]


def test_broken_and_foreign_mat_files_are_set_aside(source: Path) -> None:
    (source / "inst/2008_000002.mat").write_bytes(b"MATLAB 5.0" + bytes(300))
    scipy.io.savemat(source / "inst/2008_000003.mat", {"other": np.eye(2)})
    samples, quarantined = read_all("sbd", source)
    assert not samples
    assert [record.reason for record in quarantined] == [Reason.UNDECODABLE_MASK] * 2


def test_a_map_of_another_size_and_one_without_instances_are_set_aside(source: Path) -> None:
    sbd_file(source / "inst/2008_000002.mat", np.ones((WIDTH, HEIGHT)))
    sbd_file(source / "inst/2008_000003.mat", np.zeros((HEIGHT, WIDTH)))
    samples, quarantined = read_all("sbd", source)
    assert not samples
    assert [record.reason for record in quarantined] == [Reason.MASK_SIZE_MISMATCH, Reason.EMPTY_OBJECT]


def test_every_cut_of_a_mat_file_is_one_sample_error(source: Path) -> None:
    data = (source / "inst/2008_000002.mat").read_bytes()
    decode_instances(data)
    for length in range(0, len(data) - 8, 7):
        with pytest.raises(SampleError):
            decode_instances(data[:length])


def test_instances_that_are_no_map_of_numbers_are_refused() -> None:
    stream = io.BytesIO()
    structure = np.zeros((1, 1), dtype=[("Segmentation", object)])
    structure[0, 0] = (np.zeros((2, 2, 2)),)
    scipy.io.savemat(stream, {"GTinst": structure})
    with pytest.raises(SampleError, match=r"shape \(2, 2, 2\)"):
        decode_instances(stream.getvalue())


def test_other_mask_values_are_refused(source: Path) -> None:
    with pytest.raises(LayoutError, match="sbd takes no --ignore-value"):
        read_all("sbd", source, LayoutOptions(ignore_value=255))

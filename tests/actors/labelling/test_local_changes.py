"""A click on a mask leaves alone what it is not about, at every working size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from actors.specs.start import Start
from infra import rle
from infra.click_logs.load import load_click_log
from infra.shards.sample import ObjectTruth, Sample
from infra.starts.load import load_masks
from infra.starts.starts import Starts
from tests.actors.labelling.labelled_shapes import STORAGE
from tests.actors.labelling.started_shapes import (
    FROM_MASKS,
    TO_THE_END,
    Mask,
    label,
    mask_of,
)


def two_blobs() -> tuple[Sample, Mask]:
    """An image with one bright square, and a mask that has another beside it, with a ragged rim."""
    image = np.zeros((120, 240, 3), np.uint8)
    truth = np.zeros((120, 240), np.bool_)
    truth[30:80, 30:80] = True
    image[truth] = 255
    mask = np.zeros((120, 240), np.bool_)
    mask[30:80, 160:211:2] = True
    mask[40:60, 160:211] = True
    sample = Sample(
        "blobs",
        cv2.imencode(".png", image)[1].tobytes(),
        "png",
        120,
        240,
        (ObjectTruth("1", rle.encode(truth)),),
    )
    return sample, mask


def starts_of(tmp_path: Path, key: str, mask: Mask) -> Starts:
    folder = tmp_path / "masks"
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / f"{key}.png"), mask.astype(np.uint8) * 255)
    return load_masks(STORAGE, str(folder))


@pytest.mark.parametrize("working_pixels", [2**24, 2**12])
def test_a_local_change_leaves_other_parts_of_the_mask_bit_for_bit(
    tmp_path: Path, working_pixels: int
) -> None:
    """Also where the image is worked on at a quarter of its size: what did not change keeps its fine rim."""
    sample, mask = two_blobs()
    log = tmp_path / "log.csv"
    log.write_text("sample_key,object_id,y,x,is_foreground\nblobs,1,55,55,1\n")
    settings: dict[str, Any] = {
        "starts": starts_of(tmp_path, "blobs", mask),
        "clicks": load_click_log(STORAGE, str(log)),
        "limits": TO_THE_END,
        "working_pixels": working_pixels,
    }
    local, _ = label(tmp_path / "local", [sample], start=FROM_MASKS, **settings)
    after = mask_of(local["masks"][0])
    assert np.array_equal(after[:, 140:], mask[:, 140:])
    assert after[30:80, 30:80].mean() > 0.9
    changed, _ = label(tmp_path / "global", [sample], start=Start("masks:here", "global"), **settings)
    assert not np.array_equal(mask_of(changed["masks"][0])[:, 140:], mask[:, 140:])


def test_a_start_mask_of_a_reduced_image_that_nobody_clicks_on_keeps_every_pixel(tmp_path: Path) -> None:
    sample, mask = two_blobs()
    log = tmp_path / "log.csv"
    log.write_text("sample_key,object_id,y,x,is_foreground\nblobs,2,55,55,1\n")
    rows, _ = label(
        tmp_path / "run",
        [sample],
        starts=starts_of(tmp_path, "blobs", mask),
        start=FROM_MASKS,
        clicks=load_click_log(STORAGE, str(log)),
        limits=TO_THE_END,
        working_pixels=2**12,
    )
    assert [row["rle"] for row in rows["masks"] if row["object_id"] == "1"] == [rle.encode(mask)]

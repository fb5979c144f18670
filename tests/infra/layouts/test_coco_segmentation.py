"""Polygons and both kinds of RLE."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import rle
from infra.errors import Reason, SampleError
from infra.layouts.coco_segmentation import rle_of_segmentation

HEIGHT, WIDTH = 30, 40
Box = tuple[int, int, int, int]
boxes = st.tuples(st.integers(0, 20), st.integers(0, 15), st.integers(1, 19), st.integers(1, 14))


def ring_of_box(box: Box) -> list[float]:
    x, y, w, h = box
    return [x, y, x + w, y, x + w, y + h, x, y + h]


def mask_of_boxes(of: list[Box]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for x, y, w, h in of:
        mask[y : y + h, x : x + w] = True
    return mask


@given(of=st.lists(boxes, min_size=1, max_size=4))
def test_polygons_and_both_rles_of_one_mask_are_the_same_bytes(of: list[Box]) -> None:
    mask = mask_of_boxes(of)
    counts = rle.encode(mask)
    size = [HEIGHT, WIDTH]
    runs = rle.run_lengths(counts, HEIGHT, WIDTH).tolist()
    segmentations: list[object] = [
        [ring_of_box(box) for box in of],
        {"size": size, "counts": counts.decode("ascii")},
        {"size": size, "counts": runs},
    ]
    for segmentation in segmentations:
        assert rle_of_segmentation(segmentation, HEIGHT, WIDTH) == counts


@given(
    points=st.lists(
        st.tuples(st.floats(0, WIDTH, width=32), st.floats(0, HEIGHT, width=32)), min_size=3, max_size=12
    )
)
def test_any_polygon_within_the_image_gives_a_mask_inside_its_hull_or_no_pixel(
    points: list[tuple[float, float]],
) -> None:
    ring = [coordinate for point in points for coordinate in point]
    try:
        counts = rle_of_segmentation([ring], HEIGHT, WIDTH)
    except SampleError as error:
        assert error.reason is Reason.EMPTY_OBJECT
        return
    rows, cols = np.nonzero(rle.decode(counts, HEIGHT, WIDTH))
    hull = cv2.convexHull(np.array(points, dtype=np.float32))
    for row, col in zip(rows, cols, strict=True):
        assert cv2.pointPolygonTest(hull, (col + 0.5, row + 0.5), True) > -1.5


def test_a_polygon_may_reach_a_little_over_the_border() -> None:
    counts = rle_of_segmentation([[-5, -5, WIDTH + 5, -5, WIDTH + 5, 10, -5, 10]], HEIGHT, WIDTH)
    mask = rle.decode(counts, HEIGHT, WIDTH)
    assert mask[:10].all()
    assert not mask[10:].any()


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        (None, Reason.BAD_METADATA),
        ("abc", Reason.BAD_METADATA),
        ([], Reason.EMPTY_OBJECT),
        ([[]], Reason.BAD_METADATA),
        ([[1, 1, 5, 5]], Reason.BAD_METADATA),  # pycocotools would take it for a box
        ([[1, 1, 5, 5, 9, 1], [1, 1, 5, 5]], Reason.BAD_METADATA),
        ([[1, 1, 5, 5, 9, 1, 3]], Reason.BAD_METADATA),
        ([[1, 1, 5, "5", 9, 1]], Reason.BAD_METADATA),
        ([[1, 1, 5, float("nan"), 9, 1]], Reason.BAD_METADATA),
        ([[1, 1, 5, 10**400, 9, 1]], Reason.BAD_METADATA),
        ([[1, 1, 5, 1e12, 9, 1]], Reason.BAD_METADATA),
        ([[3, 3, 3, 3, 3, 3]], Reason.EMPTY_OBJECT),
        ({"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}, Reason.EMPTY_OBJECT),
        ({"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH - 1]}, Reason.BAD_METADATA),
        ({"size": [HEIGHT, WIDTH], "counts": [2**62] * 4 + [HEIGHT * WIDTH]}, Reason.BAD_METADATA),
        ({"size": [HEIGHT, WIDTH], "counts": [0.5, HEIGHT * WIDTH - 0.5]}, Reason.BAD_METADATA),
        ({"size": [HEIGHT, WIDTH], "counts": "nonsense"}, Reason.BAD_METADATA),
        ({"size": [HEIGHT, WIDTH], "counts": "é"}, Reason.BAD_METADATA),
        ({"size": [HEIGHT, WIDTH]}, Reason.BAD_METADATA),
        ({"size": [WIDTH, HEIGHT], "counts": [0, HEIGHT * WIDTH]}, Reason.MASK_SIZE_MISMATCH),
        ({"counts": [0, HEIGHT * WIDTH]}, Reason.MASK_SIZE_MISMATCH),
    ],
)
def test_what_is_no_mask_of_the_image_is_named(segmentation: object, reason: Reason) -> None:
    with pytest.raises(SampleError) as raised:
        rle_of_segmentation(segmentation, HEIGHT, WIDTH)
    assert raised.value.reason is reason

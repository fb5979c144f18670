"""Polygons and both kinds of RLE."""

from __future__ import annotations

import json
from array import array

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import rle
from infra.errors import Reason, SampleError
from infra.layouts.coco_rings import extent_of
from infra.layouts.coco_segmentation import SegmentedMask, mask_of_segmentation
from infra.layouts.source_note import Topic

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
        assert mask_of_segmentation(segmentation, HEIGHT, WIDTH) == SegmentedMask(counts)


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
        counts = mask_of_segmentation([ring], HEIGHT, WIDTH).rle
    except SampleError as error:
        assert error.reason is Reason.EMPTY_OBJECT or max(ring) <= 1
        return
    rows, cols = np.nonzero(rle.decode(counts, HEIGHT, WIDTH))
    hull = cv2.convexHull(np.array(points, dtype=np.float32))
    for row, col in zip(rows, cols, strict=True):
        assert cv2.pointPolygonTest(hull, (col + 0.5, row + 0.5), True) > -1.5


def test_a_polygon_that_reaches_over_the_border_is_cut_there_and_said() -> None:
    segmented = mask_of_segmentation([[-5, -5, WIDTH + 5, -5, WIDTH + 5, 10, -5, 10]], HEIGHT, WIDTH)
    mask = rle.decode(segmented.rle, HEIGHT, WIDTH)
    assert mask[:10].all()
    assert not mask[10:].any()
    (remark,) = segmented.remarks
    assert (remark.topic, "over the border" in remark.text) == (Topic.DOUBT, True)


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        (None, Reason.MISSING_MASK),
        ("", Reason.MISSING_MASK),
        ("abc", Reason.BAD_METADATA),
        ([], Reason.MISSING_MASK),
        ([[]], Reason.BAD_METADATA),
        ([[1, 1, 5, 5]], Reason.BAD_METADATA),  # pycocotools would take it for a box
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
        ({"size": [HEIGHT, WIDTH], "counts": "b'nonsense'"}, Reason.BAD_METADATA),
        ({"size": [HEIGHT, WIDTH], "counts": "b'" + "\\" + "'"}, Reason.BAD_METADATA),
        ({"size": [HEIGHT, WIDTH], "counts": [True, HEIGHT * WIDTH]}, Reason.BAD_METADATA),
        ([[[[[[1, 1, 5, 5, 9, 1]]]]]], Reason.BAD_METADATA),
        ([[0.1, 0.1, 0.9, 0.1, 0.1, 0.9]], Reason.BAD_METADATA),
        (["1 1 5 5 9 1"], Reason.BAD_METADATA),
        ([{"x": 1, "y": 1}], Reason.BAD_METADATA),
    ],
)
def test_what_is_no_mask_of_the_image_is_named(segmentation: object, reason: Reason) -> None:
    with pytest.raises(SampleError) as raised:
        mask_of_segmentation(segmentation, HEIGHT, WIDTH)
    assert raised.value.reason is reason


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([0, 1201], "run lengths add up to 1201 pixels, the image has 30 x 40 (1200)"),
        ([600, 599.0], "run lengths add up to 1199 pixels, the image has 30 x 40 (1200)"),
        (
            [2**62] * 4,
            "run lengths add up to more than 1000000000000000000 pixels, the image has 30 x 40 (1200)",
        ),
        (
            [-1, 1201],
            "counts of an RLE are neither a text nor a list of run lengths, whole numbers from 0 on",
        ),
        ([float("inf")], "neither a text nor a list of run lengths, whole numbers from 0 on"),
        ("a\u00e9", "RLE counts hold 'é', a character that COCO's encoding does not use"),
        ("b'a\\xe9'", "RLE counts hold 'é', a character that COCO's encoding does not use"),
    ],
)
def test_counts_that_do_not_fit_are_refused_for_what_is_wrong_with_them(counts: object, message: str) -> None:
    with pytest.raises(SampleError) as raised:
        mask_of_segmentation({"size": [HEIGHT, WIDTH], "counts": counts}, HEIGHT, WIDTH)
    assert raised.value.detail.endswith(message)


RING = [4.0, 5.0, 20.0, 5.0, 20.0, 15.0, 4.0, 15.0]
POINTS = [[4, 5], [20, 5], [20, 15], [4, 15]]


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        (RING, "one list of numbers"),
        (POINTS, "pairs [x, y]"),
        ([POINTS], "pairs [x, y]"),
        ([[RING]], "one list too many"),
        ([[POINTS]], "pairs [x, y]"),
        ([[*RING, *RING[:2]]], ""),
    ],
)
def test_a_polygon_is_the_same_mask_however_its_lists_are_nested(
    segmentation: list[object], said: str
) -> None:
    expected = mask_of_segmentation([RING], HEIGHT, WIDTH)
    assert not expected.remarks
    for written in (segmentation, json.loads(json.dumps(segmentation))):
        segmented = mask_of_segmentation(written, HEIGHT, WIDTH)
        assert segmented.rle == expected.rle
        assert [remark.topic for remark in segmented.remarks] == [Topic.READ] * len(segmented.remarks)
        texts = " ".join(remark.text for remark in segmented.remarks)
        assert (said in texts) if said else not texts


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ([1, 1, 5, 5, 9, 1, 3], "an odd number"),
        ([1, 1, 5, 5], "fewer than three"),
        ([], "fewer than three"),
        ([1, 1, 5, float("nan"), 9, 1], "no finite numbers"),
        ([1, 1, 5, None, 9, 1], "no finite numbers"),
        ([1, 1, 5, 1e12, 9, 1], "far outside"),
    ],
)
@given(position=st.integers(0, 2))
def test_a_bad_ring_is_left_out_and_does_not_cost_its_object(
    bad: list[object], said: str, position: int
) -> None:
    rings: list[object] = [ring_of_box((2, 3, 5, 4)), ring_of_box((20, 3, 5, 4))]
    rings.insert(position, bad)
    segmented = mask_of_segmentation(rings, HEIGHT, WIDTH)
    assert segmented.rle == rle.encode(mask_of_boxes([(2, 3, 5, 4), (20, 3, 5, 4)]))
    (remark,) = segmented.remarks
    assert remark.topic is Topic.LEFT_OUT
    assert said in remark.text


def test_coordinates_between_0_and_1_are_refused_with_what_to_do() -> None:
    ring = [value / WIDTH for value in RING]
    with pytest.raises(SampleError, match=r"from 0 to 1.*multiply"):
        mask_of_segmentation([ring], HEIGHT, WIDTH)


@given(of=st.lists(boxes, min_size=1, max_size=4))
def test_counts_as_python_bytes_and_as_fractions_are_the_mask_they_were_and_said(of: list[Box]) -> None:
    counts = rle.encode(mask_of_boxes(of))
    runs = rle.run_lengths(counts, HEIGHT, WIDTH).astype(float).tolist()
    for written, said in ((str(counts), "Python"), (runs, "fraction")):
        segmented = mask_of_segmentation({"size": [HEIGHT, WIDTH], "counts": written}, HEIGHT, WIDTH)
        assert segmented.rle == counts
        (remark,) = segmented.remarks
        assert said in remark.text


def test_a_swapped_size_is_called_swapped() -> None:
    counts = rle.encode(np.ones((HEIGHT, WIDTH), bool)).decode()
    with pytest.raises(SampleError, match=r"COCO has \[height, width\].*swapped"):
        mask_of_segmentation({"size": [WIDTH, HEIGHT], "counts": counts}, HEIGHT, WIDTH)


def test_a_polygon_of_a_million_points_is_rasterised() -> None:
    angles = np.linspace(0, 2 * np.pi, 1_000_000, endpoint=False)
    ring = np.stack((20 + 10 * np.cos(angles), 15 + 10 * np.sin(angles)), axis=1).ravel().tolist()
    segmented = mask_of_segmentation([ring], HEIGHT, WIDTH)
    assert abs(rle.area(segmented.rle, HEIGHT, WIDTH) - 100 * np.pi) < 10


@pytest.mark.parametrize("segmentation", [None, [], [[]], [[1, 2]], {"size": [2, 2]}, "text", [RING]])
def test_the_extent_of_what_is_no_ring_of_numbers_is_unknown(segmentation: object) -> None:
    assert extent_of(segmentation) == (float("inf"), float("inf"))
    assert extent_of([array("d", RING)]) == (20, 15)

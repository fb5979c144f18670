"""Outlines of masks as polygons along the edges of their pixels."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt


def outlines(mask: npt.NDArray[np.bool_]) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the outer outline of each connected part of a mask; holes are filled.

    Args:
        mask: (H, W) bool.

    Yields:
        (N, 2) int64 corners (x, y) of pixels, in [0, W] and [0, H], N >= 4. Parts are connected by edges (4
        neighbours), so that an outline never touches itself at a corner from outside.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    for part in range(1, count):
        x, y, w, h, _ = stats[part]
        window = labels[y : y + h, x : x + w] == part
        yield _outline(window) + np.array([x, y])


def _outline(part: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(N, 2) corners of one connected part, its holes filled.

    The part is drawn at twice its size and one pixel thicker: pixel corners then lie on even coordinates, and OpenCV's
    contour runs through them. It cuts concave corners by a diagonal step; they are put back.
    """
    doubled = cv2.resize(part.astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    thicker = cv2.dilate(np.pad(doubled, ((0, 1), (0, 1))), np.ones((2, 2), np.uint8), anchor=(1, 1))
    (contour,), _ = cv2.findContours(thicker, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = contour[:, 0, :].astype(np.int64)
    following = np.roll(points, -1, axis=0)
    is_cut = (points != following).all(axis=1)
    corners = np.where(points % 2 == 0, points, following)  # the one of both ways round that is even
    along = np.insert(points, np.flatnonzero(is_cut) + 1, corners[is_cut], axis=0)
    on_corner = along[(along % 2 == 0).all(axis=1)] // 2
    before, after = np.roll(on_corner, 1, axis=0), np.roll(on_corner, -1, axis=0)
    is_turn = ((on_corner - before) != (after - on_corner)).any(axis=1)
    corners_of_outline: npt.NDArray[np.int64] = on_corner[is_turn]
    return corners_of_outline

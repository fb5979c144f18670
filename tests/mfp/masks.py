"""Masks for property tests: noise of every density, blobs, rectangles, empty and full ones."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

MAX_SIDE = 80


@st.composite
def masks(draw: st.DrawFn, shape: tuple[int, int] | None = None) -> npt.NDArray[np.bool_]:
    """(H, W) bool masks, of the given shape or of any up to MAX_SIDE pixels a side."""
    height, width = shape or (draw(st.integers(1, MAX_SIDE)), draw(st.integers(1, MAX_SIDE)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["noise", "blobs", "rectangle", "empty", "full"]))
    if kind == "noise":
        return rng.random((height, width)) < draw(st.sampled_from([0.02, 0.5, 0.9, 0.99]))
    if kind == "blobs":
        noise = rng.standard_normal((height, width)).astype(np.float32)
        return np.asarray(cv2.GaussianBlur(noise, (0, 0), draw(st.sampled_from([2.0, 6.0])))) > 0
    mask = np.full((height, width), kind == "full")
    if kind == "rectangle":
        top, left = int(rng.integers(height)), int(rng.integers(width))
        mask[top : int(rng.integers(top, height)) + 1, left : int(rng.integers(left, width)) + 1] = True
    return mask


@st.composite
def truths(draw: st.DrawFn, shape: tuple[int, int] | None = None) -> npt.NDArray[np.int8]:
    """(H, W) int8 truths: 1 object, 0 background, -1 ignored."""
    truth = draw(masks(shape)).astype(np.int8)
    if draw(st.booleans()):
        truth[draw(masks(truth.shape))] = -1
    return truth

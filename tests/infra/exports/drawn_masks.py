"""Masks that hypothesis draws: blobs, holes, several parts, single pixels, none, all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st


@st.composite
def masks(draw: st.DrawFn, height: int, width: int) -> npt.NDArray[np.bool_]:
    """(height, width) bool."""
    kind = draw(st.sampled_from(["noise", "boxes", "empty", "whole", "pixel"]))
    if kind == "noise":
        share = draw(st.floats(0.02, 0.98))
        return np.random.default_rng(draw(st.integers(0, 2**32))).random((height, width)) < share
    mask = np.full((height, width), kind == "whole")
    if kind == "pixel":
        mask[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    if kind == "boxes":
        for is_filled in draw(st.lists(st.booleans(), min_size=1, max_size=6)):
            top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
            bottom, right = draw(st.integers(top, height - 1)), draw(st.integers(left, width - 1))
            mask[top : bottom + 1, left : right + 1] = is_filled
    return mask


@st.composite
def masks_of_image(draw: st.DrawFn) -> list[npt.NDArray[np.bool_]]:
    """Some masks of one image, which overlap as they like."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    return draw(st.lists(masks(height, width), min_size=1, max_size=4))

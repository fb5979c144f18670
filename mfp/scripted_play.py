"""Sessions whose clicks are written down, played over a click model in a given order, whatever it answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mfp.click_model import Image
from mfp.clicks import Click
from mfp.region import Region
from mfp.runner import Request, Runner
from mfp.start import FROM_NOTHING, FromMask, Start

Passes: TypeAlias = Sequence[Sequence[int]]
"""Which scripts go together in each call, by index. A script makes one click in each call that it is in."""

_HEIGHT, _WIDTH = 96, 128


@dataclass(frozen=True, eq=False)
class Script:
    """An image and clicks on it, (y, x) in image pixels, and what is known before the first."""

    image: Image
    clicks: tuple[Click, ...]
    start: Start = FROM_NOTHING


@dataclass(frozen=True, eq=False)
class Played:
    """What came of a play.

    Attributes:
        maps: for each script the (H, W) float32 map after each of its clicks.
        seconds: wall time of each call.
    """

    maps: list[list[npt.NDArray[np.float32]]]
    seconds: list[float]

    def largest_difference(self, other: Played) -> float:
        """Of any pixel after any click; both are of the same scripts."""
        return max(
            float(np.abs(mine - theirs).max())
            for of_mine, of_theirs in zip(self.maps, other.maps, strict=True)
            for mine, theirs in zip(of_mine, of_theirs, strict=True)
        )


def three_scripts() -> list[Script]:
    """Three clicks each, two scripts on one image and a third on another of the same size."""
    shared = _coloured(0)
    return [
        Script(shared, (Click(48, 64, True), Click(20, 30, False), Click(70, 100, True))),
        Script(shared, (Click(30, 90, True), Click(80, 20, True), Click(60, 64, False))),
        Script(_coloured(1), (Click(70, 40, True), Click(10, 120, False), Click(90, 64, False))),
    ]


def script_on_one_pixel() -> Script:
    """Every click falls on it."""
    return Script(
        np.full((1, 1, 3), 200, np.uint8), (Click(0, 0, True), Click(0, 0, False), Click(0, 0, True))
    )


def script_from_mask() -> Script:
    """Two clicks that correct a mask: one on the object it lacks, one on what it has too much."""
    mask = np.zeros((_HEIGHT, _WIDTH), np.bool_)
    mask[30:60, 40:100] = True
    return Script(_coloured(2), (Click(70, 60, True), Click(40, 95, False)), FromMask(mask))


def script_without_object() -> Script:
    """A black image: there is nothing to find, and the first click says so."""
    return Script(np.zeros((_HEIGHT, _WIDTH, 3), np.uint8), (Click(48, 64, False), Click(20, 30, True)))


def one_after_the_other(scripts: Sequence[Script]) -> Passes:
    """Each script to its end, alone."""
    return [[idx] for idx, script in enumerate(scripts) for _ in script.clicks]


def play(runner: Runner[Any, Any], scripts: Sequence[Script], passes: Passes) -> Played:
    """Play scripts; the region is always the whole image. Scripts of one call have images of one size."""
    opened: dict[int, Any] = {}
    played = Played([[] for _ in scripts], [])
    for members in passes:
        for idx in members:
            if idx not in opened:
                opened[idx] = runner.open(scripts[idx].image, scripts[idx].start)
        requests = [
            Request(opened[idx], _whole(scripts[idx].image), scripts[idx].clicks[: len(played.maps[idx]) + 1])
            for idx in members
        ]
        started = time.perf_counter()
        runner.predict(requests, runner.batch_key(requests[0].region))
        played.seconds.append(time.perf_counter() - started)
        for idx in members:
            played.maps[idx].append(runner.probabilities(opened[idx]).copy())
    return played


def _whole(image: Image) -> Region:
    return Region(0, image.shape[0] - 1, 0, image.shape[1] - 1)


def _coloured(number: int) -> Image:
    """Smooth waves in every channel, over the whole range."""
    rows, cols = np.mgrid[:_HEIGHT, :_WIDTH]
    waves = [
        np.sin(rows / (11 + 3 * number + c) + c) * np.cos(cols / (17 - 2 * number + c)) for c in range(3)
    ]
    return np.asarray(np.stack(waves, axis=2) * 127.5 + 127.5, np.uint8)

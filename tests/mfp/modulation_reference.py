"""Modulation of one map, pixel by pixel as the method states it: slow, whole-map, without a batch."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mfp.clicks import Click
from mfp.modulation import ModulationSettings

Map = npt.NDArray[np.float64]


def reference_modulation(
    prob: npt.NDArray[np.float32], clicks: list[Click], settings: ModulationSettings
) -> npt.NDArray[np.float32]:
    """(H, W) float32 map and all clicks so far -> (H, W) float32. The newest click is clamped to the map."""
    height, width = prob.shape
    y, x, is_foreground = clicks[-1].y, clicks[-1].x, clicks[-1].is_foreground
    newest = Click(min(max(y, 0), height - 1), min(max(x, 0), width - 1), is_foreground)
    opposite = [click for click in clicks[:-1] if click.is_foreground != newest.is_foreground]
    is_release = settings.variant == "release"
    gaps = [_float32_distance(newest, click) for click in opposite]
    radius = _radius(gaps, settings)
    distance = _distance_to(newest, prob.shape)
    window = distance <= radius
    if is_release:
        for click, gap in zip(opposite, gaps, strict=True):
            if gap < 10:
                window &= _distance_to(click, prob.shape).astype(np.float32) > gap
    values = prob.astype(np.float64)
    at_click = values[int(np.float32(newest.y)), int(np.float32(newest.x))]
    is_flat_start = at_click == 0 if is_foreground else at_click == 1
    result = values.copy()
    if window.any():
        if is_flat_start:
            ramp = distance / (distance[window].max() or 1.0)
            result[window] = (1 - ramp if is_foreground else ramp)[window]
        else:
            gamma = _gamma(values, at_click, distance, radius, window, len(clicks), newest, settings)
            powered = values ** (1 / gamma if is_foreground else gamma)
            result[window] = powered[window]
    if is_release and not (is_flat_start and window.any()):
        result[round(np.float32(newest.y)), round(np.float32(newest.x))] = is_foreground
    return result.astype(np.float32)


def _float32_distance(a: Click, b: Click) -> np.float32:
    dy, dx = np.float32(a.y) - np.float32(b.y), np.float32(a.x) - np.float32(b.x)
    return np.float32(np.sqrt(dy * dy + dx * dx))


def _radius(gaps: list[np.float32], settings: ModulationSettings) -> float:
    if not gaps:
        return settings.max_radius
    half = float(min(gaps)) / 2
    return max(half, 10.0) if settings.variant == "release" else min(half, settings.max_radius)


def _distance_to(click: Click, shape: tuple[int, ...]) -> Map:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    return np.asarray(np.sqrt((y - np.float32(click.y)) ** 2 + (x - np.float32(click.x)) ** 2))


def _gamma(
    values: Map,
    at_click: float,
    distance: Map,
    radius: float,
    window: npt.NDArray[np.bool_],
    num_clicks: int,
    newest: Click,
    settings: ModulationSettings,
) -> Map:
    largest = _largest_gamma(at_click, newest.is_foreground)
    if num_clicks > settings.num_probability_clicks:
        relative = distance / radius if radius > 0 else np.zeros_like(distance)
        return np.where(window, largest * (1 - relative) + relative, 1.0)
    gap = (values - at_click) ** 2
    in_window = np.sort(gap[window])
    median = in_window[(len(in_window) - 1) // 2]
    if median == 0:
        return np.where(gap == 0, largest, 1.0)
    return np.where(gap <= median, (largest - 1) * np.minimum((median - gap) / median, 1) ** 3 + 1, 1.0)


def _largest_gamma(at_click: float, is_foreground: bool) -> float:
    if is_foreground:
        return 1.0 if at_click >= 0.99 else 1 / (math.log(0.99) / math.log(at_click) + 1e-8)
    return 1.0 if at_click <= 0.01 else math.log(0.01) / math.log(at_click)

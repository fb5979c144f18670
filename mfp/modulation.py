"""Modulation: the previous probability map sharpened around the newest click (paper, section 3.1).

Both variants are total: any map with values in [0, 1] and any click sequence give a map with values in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mfp.clicks import Click
from mfp.transfers import to_device

CONFIDENT_FOREGROUND = 0.99
CONFIDENT_BACKGROUND = 0.01
_SMALLEST_RELEASE_RADIUS = np.float32(10.0)
_WHOLE_MAP = 2.0**30  # pixels

Variant = Literal["paper", "release"]


@dataclass(frozen=True)
class ModulationSettings:
    """What a model was trained with.

    Attributes:
        variant: `paper` follows section 3.1; `release` follows the released implementation, which takes no
            account of max_radius once there is an opposite click, cuts close opposite clicks out of the window and
            sets the clicked pixel to exactly 1 or 0.
        num_probability_clicks: N, the number of first clicks whose gamma comes from the probability distance.
        max_radius: R_max, in pixels of the map.
    """

    variant: Variant = "paper"
    num_probability_clicks: int = 7
    max_radius: float = 100.0


@dataclass(frozen=True)
class _Newest:
    """The newest click of each row and what surrounds it; every tensor has one entry a row."""

    y: Tensor  # float32, pixels
    x: Tensor
    is_foreground: Tensor  # bool
    by_probability: Tensor  # bool: among the first N
    radius: Tensor  # float32, R; -1 in a row without clicks
    discs: tuple[
        tuple[Tensor, Tensor, Tensor], ...
    ]  # y, x, radius of discs taken out of the window; radius -1: none
    reach: int  # pixels; no window reaches farther from its click


@dataclass(frozen=True)
class _Windows:
    """Equal-sized cuts of the maps that hold the windows; rows (B, Sy), cols (B, Sx) are pixel indices."""

    rows: Tensor
    cols: Tensor
    distance: Tensor  # (B, Sy, Sx) float64 pixels to the newest click
    inside: Tensor  # (B, Sy, Sx) bool


def modulate(prob: Tensor, clicks: Sequence[Sequence[Click]], settings: ModulationSettings) -> Tensor:
    """Sharpen each map around the newest click of its row: P^(1/gamma) for foreground, P^gamma for background.

    Rows do not affect each other. Arithmetic inside a window is float64. What clicks decide is worked out on the host
    and copied to the device at once; nothing here waits for the device.

    Args:
        prob: (B, 1, H, W), probabilities in [0, 1], any floating dtype.
        clicks: B click sequences in the order they were made, (y, x) in pixels of the map. A coordinate outside is
            clamped to the map. A row without clicks stays as it is.
        settings: variant, N and R_max.

    Returns:
        (B, 1, H, W) of prob's dtype, values in [0, 1]; prob itself is not changed.

    Source: MFP (CVPR 2024), section 3.1.
    """
    result = prob.clone()
    if not any(clicks):
        return result
    height, width = prob.shape[-2:]
    newest = _newest_clicks(clicks, height, width, settings, prob.device)
    windows = _windows(newest, height, width)
    rows = torch.arange(len(clicks), device=prob.device)
    take = (rows[:, None, None], 0, windows.rows[:, :, None], windows.cols[:, None, :])
    at_click = prob[rows, 0, newest.y.long(), newest.x.long()].double()
    changed = _sharpen(prob[take].double(), at_click, newest, windows)
    result[take] = changed.clamp(0.0, 1.0).to(prob.dtype)
    if settings.variant == "release":
        exact = (rows, 0, newest.y.round().long(), newest.x.round().long())
        # In a flat start (P_u at the wrong end) the distance ramp is all that happens; see _sharpen.
        ramp = _needs_ramp(at_click, newest.is_foreground) & windows.inside.flatten(1).any(1)
        stays = ramp | (newest.radius < 0)
        result[exact] = torch.where(stays, result[exact], newest.is_foreground.to(prob.dtype))
    return result


def _newest_clicks(
    clicks: Sequence[Sequence[Click]],
    height: int,
    width: int,
    settings: ModulationSettings,
    device: torch.device,
) -> _Newest:
    newest = np.zeros((len(clicks), 5), np.float32)
    opposite = np.full((len(clicks), max(1, *map(len, clicks)), 2), np.inf, np.float32)
    for row, sequence in enumerate(clicks):
        if not sequence:
            continue
        last = sequence[-1]
        newest[row, :4] = (
            min(max(last.y, 0.0), height - 1.0),
            min(max(last.x, 0.0), width - 1.0),
            last.is_foreground,
            len(sequence) <= settings.num_probability_clicks,
        )
        for column, click in enumerate(sequence[:-1]):
            if click.is_foreground != last.is_foreground:
                opposite[row, column] = click.y, click.x
    # float32 on purpose: the radii of the released implementation are float32 numbers, and a pixel exactly on a
    # border is in or out by that rounding. The root is taken in float64: a float32 root is off by one bit on some
    # processors, and then the newest click itself would fall out of the disc that it lies on the border of.
    squares = (opposite - newest[:, None, :2]) ** 2
    gap = np.sqrt((squares[..., 0] + squares[..., 1]).astype(np.float64)).astype(np.float32)
    nearest = gap.min(axis=1)
    max_radius = np.float32(settings.max_radius)
    if settings.variant == "release":
        radius = np.where(np.isinf(nearest), max_radius, np.maximum(nearest / 2, _SMALLEST_RELEASE_RADIUS))
        is_disc = gap < _SMALLEST_RELEASE_RADIUS
    else:
        radius = np.minimum(nearest / 2, max_radius)
        is_disc = np.zeros(gap.shape, np.bool_)
    newest[:, 4] = np.where([bool(sequence) for sequence in clicks], radius, -1.0)
    columns = np.flatnonzero(is_disc.any(axis=0))
    discs = np.concatenate((opposite, np.where(is_disc, gap, -1.0)[..., None]), axis=2)[:, columns]
    discs = np.nan_to_num(discs, posinf=0.0)
    table = np.concatenate((newest, discs.reshape(len(clicks), -1)), axis=1, dtype=np.float32)
    y, x, is_foreground, by_probability, radii, *of_discs = to_device(torch.from_numpy(table), device).unbind(
        1
    )
    return _Newest(
        y=y,
        x=x,
        is_foreground=is_foreground > 0,
        by_probability=by_probability > 0,
        radius=radii,
        discs=tuple(zip(of_discs[::3], of_discs[1::3], of_discs[2::3], strict=True)),
        reach=_reach(float(newest[:, 4].max()), settings, device),
    )


def _reach(largest_radius: float, settings: ModulationSettings, device: torch.device) -> int:
    """Pixels from a click that hold the windows of a batch, whose largest radius is given; more changes no result.

    A CPU works on no pixel too many. A GPU has pixels enough, and is given few shapes: that of R_max, or whole maps.
    """
    if device.type != "cpu":
        largest_radius = settings.max_radius if largest_radius <= settings.max_radius else _WHOLE_MAP
    return math.ceil(largest_radius) + 1


def _windows(newest: _Newest, height: int, width: int) -> _Windows:
    rows = _axis_indices(newest.y, newest.reach, height)
    cols = _axis_indices(newest.x, newest.reach, width)
    distance = _distance(rows, cols, newest.y, newest.x)
    inside = distance <= newest.radius.double()[:, None, None]
    for disc_y, disc_x, disc_radius in newest.discs:
        # Both sides float32: a pixel exactly on the border, the newest click among them, belongs to the disc.
        inside &= _distance(rows, cols, disc_y, disc_x).float() > disc_radius[:, None, None]
    return _Windows(rows, cols, distance, inside)


def _axis_indices(centre: Tensor, reach: int, size: int) -> Tensor:
    """(B, S) pixel indices along one axis: the same number for every row, all inside the map, the window among them."""
    num = min(2 * reach + 1, size)
    first = (centre.long() - reach).clamp(0, size - num)
    return first[:, None] + torch.arange(num, device=centre.device)


def _distance(rows: Tensor, cols: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """(B, Sy, Sx) float64. A square root of a sum of squares: hypot rounds differently, and borders notice."""
    dy = rows.double() - y.double()[:, None]
    dx = cols.double() - x.double()[:, None]
    return ((dy**2)[:, :, None] + (dx**2)[:, None, :]).sqrt()


def _needs_ramp(at_click: Tensor, is_foreground: Tensor) -> Tensor:
    """No power of 0 or 1 reaches the other end: there a ramp of the distance takes the place of the formula."""
    return torch.where(is_foreground, at_click <= 0.0, at_click >= 1.0)


def _largest_gamma(at_click: Tensor, is_foreground: Tensor) -> Tensor:
    """Γ, (B,): takes P at the click to 0.99 (foreground) or 0.01 (background); 1 where it is there already."""
    log_at_click = at_click.clamp(1e-300, 1.0 - 1e-16).log()
    foreground = 1.0 / (math.log(CONFIDENT_FOREGROUND) / log_at_click + 1e-8)
    background = math.log(CONFIDENT_BACKGROUND) / log_at_click
    confident = torch.where(is_foreground, at_click >= CONFIDENT_FOREGROUND, at_click <= CONFIDENT_BACKGROUND)
    return torch.where(confident, 1.0, torch.where(is_foreground, foreground, background))


def _gamma(values: Tensor, at_click: Tensor, newest: _Newest, windows: _Windows) -> Tensor:
    """γ, (B, Sy, Sx), of pixels inside the windows (paper, equations of section 3.1)."""
    largest = _largest_gamma(at_click, newest.is_foreground)[:, None, None]
    gap = (values - at_click[:, None, None]) ** 2
    # torch's median of an even count is the lower one, which is what the released implementation uses.
    median = gap.masked_fill(~windows.inside, math.nan).flatten(1).nanmedian(dim=1).values[:, None, None]
    share = ((median - gap) / median).nan_to_num(nan=1.0, posinf=0.0, neginf=0.0)
    # Median 0: the limit of the formula, Γ where the gap is 0 and 1 elsewhere.
    share = torch.where(median > 0, share, (gap == 0).double())
    by_probability = torch.where(gap <= median, (largest - 1.0) * share**3 + 1.0, 1.0)
    relative = windows.distance / newest.radius.double().clamp_min(1e-6)[:, None, None]
    by_distance = largest * (1.0 - relative) + relative
    return torch.where(newest.by_probability[:, None, None], by_probability, by_distance)


def _sharpen(values: Tensor, at_click: Tensor, newest: _Newest, windows: _Windows) -> Tensor:
    gamma = _gamma(values, at_click, newest, windows).masked_fill(~windows.inside, 1.0)
    foreground = newest.is_foreground[:, None, None]
    powered = values ** torch.where(foreground, 1.0 / gamma, gamma)
    farthest = windows.distance.masked_fill(~windows.inside, 0.0).flatten(1).amax(1).clamp_min(1e-6)
    ramp = windows.distance / farthest[:, None, None]
    ramp = torch.where(foreground, 1.0 - ramp, ramp)
    changed = torch.where(_needs_ramp(at_click, newest.is_foreground)[:, None, None], ramp, powered)
    return torch.where(windows.inside, changed, values)

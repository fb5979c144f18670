"""Quality, which needs no truth, against the IoU that it stands for."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipelines.jobs.report_page.page_data import PageRun
from pipelines.jobs.report_page.plots.style import MUTED, SERIES, name_axes, plot_svg

_MOST_POINTS = 1_000  # a page of more would be megabytes
_NUM_BINS = 25
_FAINTEST = 0.15


def quality_by_iou(name: str, run: PageRun) -> Markup:
    """A point for each object with truth, or shaded cells if there are many; on the diagonal quality is IoU."""
    known = np.isfinite(run.iou)
    quality, iou = run.quality[known], run.iou[known]
    floor = min(0.9, float(np.floor(min(iou.min(), quality.min()) * 10)) / 10)  # the axes have a length

    def draw(axes: Axes) -> None:
        axes.plot([floor, 1], [floor, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        if len(iou) > _MOST_POINTS:
            axes.add_collection(_cells(iou, quality, floor))
        else:
            axes.plot(iou, quality, "o", color=SERIES[0], markersize=3.5, alpha=0.6, markeredgewidth=0)
        name_axes(axes, "IoU with the truth", "quality")
        axes.set(xlim=(floor, 1.01), ylim=(floor, 1.01))
        axes.xaxis.set_major_locator(MaxNLocator(5))

    difference = float(np.mean(quality - iou))
    return plot_svg(
        name,
        f"Quality against IoU of {len(iou):,} objects; quality is {abs(difference):.3f} "
        f"{'above' if difference > 0 else 'below'} IoU in the mean",
        draw,
    )


def quality_histogram(name: str, run: PageRun) -> Markup:
    """Objects by quality, for a run without truth."""

    def draw(axes: Axes) -> None:
        axes.hist(run.quality, bins=_NUM_BINS, range=(0, 1), color=SERIES[0], rwidth=0.85)
        name_axes(axes, "quality", "objects")
        axes.set(xlim=(0, 1))
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))

    median = float(np.median(run.quality))
    return plot_svg(
        name, f"Histogram of quality of {len(run.quality):,} objects; the median is {median:.3f}", draw
    )


def _cells(iou: NDArray[np.float64], quality: NDArray[np.float64], floor: float) -> PatchCollection:
    counts, across, up = np.histogram2d(iou, quality, _NUM_BINS, [[floor, 1], [floor, 1]])
    filled = np.argwhere(counts)
    side = across[1] - across[0]
    shades: NDArray[np.float64] = np.sqrt(counts[tuple(filled.T)] / counts.max())
    return PatchCollection(
        [Rectangle((across[x], up[y]), side, side) for x, y in filled],
        facecolor=SERIES[0],
        alpha=_FAINTEST + (1 - _FAINTEST) * shades,
        linewidth=0,
    )

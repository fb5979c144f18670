"""How much objects got better or worse from one run to another."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from pipelines.jobs.comparison_words import HEADINGS
from pipelines.jobs.object_changes import ObjectChanges
from pipelines.jobs.report_page.plots.style import SERIES, name_axes, plot_svg

_MOST_BINS = 20  # on each side of 0


def change_histogram(name: str, changes: ObjectChanges) -> Markup:
    """Objects by how much worse they got; those that did not change are left out, since they would hide all others."""
    losses = changes.losses[changes.losses != 0]
    edges = edges_around_zero(losses, is_whole=changes.is_cost)
    counts = np.histogram(losses, edges)[0]
    figure = HEADINGS[changes.figure]

    def draw(axes: Axes) -> None:
        centres, width = (edges[:-1] + edges[1:]) / 2, np.diff(edges) * 0.85
        axes.bar(centres, counts, width=width, color=[SERIES[1] if at > 0 else SERIES[0] for at in centres])
        name_axes(axes, f"{figure}: better   |   worse", "objects")
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))

    counted = f"{changes.num_better:,} objects got better, {changes.num_worse:,} worse"
    return plot_svg(name, f"Histogram of the change in {figure}: {counted}", draw)


def edges_around_zero(losses: NDArray[np.float64], *, is_whole: bool) -> NDArray[np.float64]:
    """Edges of bins that are alike on both sides of 0, so that gains fall into bins as losses of that size do.

    Args:
        losses: (num_objects,), one at least, and none of them 0.
        is_whole: they are whole numbers, and so are the widths of the bins; the edges lie between whole numbers.
    """
    most = float(np.abs(losses).max())
    if not is_whole:
        return np.linspace(-most, most, 2 * _MOST_BINS + 1)
    width = np.ceil(most / _MOST_BINS)
    side = 0.5 + width * np.arange(np.ceil(most / width) + 1)
    return np.concatenate([-side[::-1], side])

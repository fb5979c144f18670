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

_MOST_BINS = 41


def change_histogram(name: str, changes: ObjectChanges) -> Markup:
    """Objects by how much worse they got; those that did not change are left out, since they would hide all others."""
    losses = changes.losses[changes.losses != 0]
    edges = _edges(losses, is_whole=changes.is_cost)
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


def _edges(losses: NDArray[np.float64], *, is_whole: bool) -> NDArray[np.float64]:
    """Edges of bins, alike on both sides of 0; a click a bin if those are few enough."""
    most = float(np.abs(losses).max())
    if is_whole and 2 * most + 1 <= _MOST_BINS:
        return np.arange(-most - 0.5, most + 1)
    return np.linspace(-most, most, _MOST_BINS)

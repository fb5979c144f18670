"""Bars: how many objects have which NoC, and clicks per second over time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pipelines.jobs.report_page.page_data import PageRun
from pipelines.jobs.report_page.plots.style import SERIES, mark_clicks, name_axes, plot_svg

_UNITS = ((7200, 3600, "hours"), (120, 60, "minutes"), (0, 1, "seconds"))
"""From so many seconds on a time is told in a unit of so many seconds."""


def noc_histogram(name: str, counts: Sequence[int]) -> Markup:
    """Objects by NoC@90, from 0 or 1 to the most clicks; the last bar has those that never got there too."""
    first = 0 if counts[0] else 1
    clicks, of_clicks = np.arange(first, len(counts)), np.array(counts[first:])
    failed = len(counts) - 1

    def draw(axes: Axes) -> None:
        colours = [SERIES[1] if click == failed else SERIES[0] for click in clicks]
        axes.bar(clicks, of_clicks, width=0.82, color=colours)
        name_axes(axes, "NoC@90", "objects")
        axes.set(xlim=(first - 0.6, failed + 0.6))
        axes.grid(visible=False, axis="x")
        mark_clicks(axes)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))

    mode = int(clicks[of_clicks.argmax()])
    label = f"Histogram of NoC@90; most objects have {mode}, {counts[failed]:,} have {failed}"
    return plot_svg(name, label, draw)


def throughput(name: str, run: PageRun) -> Markup:
    """Clicks per second over the busy time."""
    total = run.bin_seconds * len(run.clicks_per_second)
    scale, unit = next((scale, unit) for most, scale, unit in _UNITS if total >= most)

    def draw(axes: Axes) -> None:
        edges = np.arange(len(run.clicks_per_second) + 1) * run.bin_seconds / scale
        axes.stairs(run.clicks_per_second, edges, fill=True, color=SERIES[0], alpha=0.75)
        name_axes(axes, f"{unit} of work", "clicks/s")
        axes.set(xlim=(0, edges[-1]), ylim=(0, None))
        axes.grid(visible=False, axis="x")

    least, most = min(run.clicks_per_second), max(run.clicks_per_second)
    return plot_svg(
        name, f"Clicks per second over {total / scale:.1f} {unit}: from {least:.1f} to {most:.1f}", draw
    )

"""What is plotted against the number of clicks: mean IoU, and the share of objects that are done."""

from __future__ import annotations

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from pipelines.jobs.report_page.page_data import StartDetail
from pipelines.jobs.report_page.plots.style import SERIES, legend_above, mark_clicks, name_axes, plot_svg

_DASHES = ("-", (0, (5, 2)), (0, (2, 2)))
_MOST_MARKED = 30


def mean_iou_by_click(name: str, detail: StartDetail) -> Markup:
    """Mean IoU after each click, with the band of its intervals if there are any."""
    mean = detail.figures.mean_iou
    clicks = range(1, len(mean) + 1)

    def draw(axes: Axes) -> None:
        if detail.iou_intervals:
            low, high = zip(*detail.iou_intervals, strict=True)
            axes.fill_between(clicks, low, high, color=SERIES[0], alpha=0.22, linewidth=0)
        axes.plot(
            clicks, mean, color=SERIES[0], marker="o" if len(mean) <= _MOST_MARKED else "", markersize=3.5
        )
        name_axes(axes, "clicks", "mean IoU")
        axes.set(ylim=(_floor(detail), 1.0))
        mark_clicks(axes)

    band = ", with the 95 % interval as a band" if detail.iou_intervals else ""
    label = f"Mean IoU by click{band}: {mean[0]:.3f} after the first, {mean[-1]:.3f} after {len(mean)}"
    return plot_svg(name, label, draw)


def share_done_by_click(name: str, detail: StartDetail) -> Markup:
    """Share of the objects that have reached each IoU after so many clicks."""

    def draw(axes: Axes) -> None:
        for (threshold, shares), colour, dash in zip(
            detail.shares_done.items(), SERIES, _DASHES, strict=False
        ):
            axes.step(
                range(len(shares)),
                shares,
                where="post",
                color=colour,
                linestyle=dash,
                label=f"≥ {threshold} %",
            )
        name_axes(axes, "clicks", "objects done, by IoU")
        axes.set(ylim=(0, 1.02), xlim=(0, len(detail.figures.mean_iou) + 0.3))
        mark_clicks(axes)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        legend_above(axes)

    ends = ", ".join(f"{shares[-1]:.0%} at {name} %" for name, shares in detail.shares_done.items())
    return plot_svg(name, f"Share of objects done by click; in the end {ends}", draw)


def _floor(detail: StartDetail) -> float:
    """The lower end of the axis, a tenth below what is drawn."""
    lowest = min([*detail.figures.mean_iou, *(interval.low for interval in detail.iou_intervals)])
    return max(0.0, int(lowest * 10 - 0.5) / 10)

"""Mean quality of masks against their mean IoU: on the diagonal, quality means what it says."""

from __future__ import annotations

from markupsafe import Markup
from matplotlib.axes import Axes

from pipelines.jobs.report_page.page_data import PageRun
from pipelines.jobs.report_page.plots.style import MUTED, SERIES, legend_above, name_axes, plot_svg

_FEWEST_MASKS = 5  # a bin of fewer says more of them than of quality
_SHOWN_CLICKS = (1, 3, 5)
_MARKERS = ("o", "s", "^")


def reliability(name: str, run: PageRun) -> Markup:
    """A line after 1, 3 and 5 clicks; bins of a tenth, without those of fewer than five masks."""
    shown = [after for after in run.report.quality if after.num_clicks in _SHOWN_CLICKS]

    def draw(axes: Axes) -> None:
        for after in shown:
            place = _SHOWN_CLICKS.index(after.num_clicks)
            bins = [one for one in after.figures.reliability if one.num_masks >= _FEWEST_MASKS]
            clicks = f"{after.num_clicks} click{'s' * (after.num_clicks > 1)}"
            axes.plot(
                [one.quality for one in bins],
                [one.iou for one in bins],
                color=SERIES[place],
                marker=_MARKERS[place],
                markersize=4,
                label=clicks,
            )
        legend_above(axes)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        name_axes(axes, "mean quality", "mean IoU")
        axes.set(xlim=(0, 1.01), ylim=(0, 1.01))

    errors = ", ".join(f"{after.figures.calibration_error:.3f} after {after.num_clicks}" for after in shown)
    return plot_svg(name, f"Mean IoU by quality; calibration error {errors} clicks", draw)

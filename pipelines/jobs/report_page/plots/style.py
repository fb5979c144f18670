"""How plots look: SVG whose colours are those of the page it stands in, so that it follows light, dark and print."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any, Final

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK: Final = "#010101"
MUTED: Final = "#020202"
GRID: Final = "#030303"
SERIES: Final = ("#0a0001", "#0a0002", "#0a0003")
_VARIABLES: Final = {INK: "--ink", MUTED: "--muted", GRID: "--grid"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES, 1)
}
"""Colours that stand for variables of the page's style sheet."""
_WIDTH, _HEIGHT = 4.6, 2.9  # inches of 72 points
_STYLE: Final[Any] = {  # matplotlib types its settings by a list of their names
    "svg.fonttype": "none",
    "svg.hashsalt": "mfp",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # to measure by; the page has its own
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def name_axes(axes: Axes, across: str, up: str) -> None:
    """Say what the axes are; the vertical one above it, to be read without turning one's head."""
    axes.set_xlabel(across)
    axes.set_title(up, loc="left", x=-0.1, fontsize="medium", pad=10)


def legend_above(axes: Axes) -> None:
    """Say above the axes what the lines are: inside, a legend would hide some of them."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(axes.lines),
        borderaxespad=0,
        handlelength=1.8,
        handletextpad=0.5,
        columnspacing=1.0,
    )


def mark_clicks(axes: Axes) -> None:
    """Give the axis of clicks round whole numbers."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def plot_svg(name: str, label: str, draw: Callable[[Axes], None]) -> Markup:
    """Draw on axes, and return the drawing as SVG to be put into a page.

    Args:
        name: unique on the page; ids in the drawing begin with it.
        label: says in words what is seen, for whoever does not see it.
        draw: draws, in the colours of this module; no text of data.
    """
    stream = io.StringIO()
    with rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT))
        axes = figure.add_axes((0.115, 0.16, 0.865, 0.74))
        draw(axes)
        figure.savefig(stream, format="svg", transparent=True, metadata=_NO_METADATA)
    return Markup(_of_page(stream.getvalue(), name, label))  # noqa: S704  # the label is escaped


def _of_page(svg: str, name: str, label: str) -> str:
    """The drawing without what a page has itself: prologue, name spaces, and a style for everything."""
    box = re.search(r'viewBox="([^"]+)"', svg)
    assert box is not None, "matplotlib gives its drawings a box"
    inside = svg[svg.index(">", svg.index("<svg")) + 1 :]
    inside = re.sub(r"<style.*?</style>", "", inside, flags=re.DOTALL)
    inside = re.sub(r"<!--.*?-->\s*", "", inside, flags=re.DOTALL).replace("xlink:href", "href")
    inside = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", inside)
    for colour, variable in _VARIABLES.items():
        inside = inside.replace(colour, f"var({variable})")
    return f'<svg class="plot" role="img" aria-label="{escape(label)}" viewBox="{box[1]}">{inside}'

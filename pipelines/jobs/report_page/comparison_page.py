"""The page of a comparison: its figures, and pictures of the objects that got worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.jobs.comparison import Comparison
from pipelines.jobs.comparison_words import DECIMALS, HEADINGS, change_in_words, object_in_words, remarks
from pipelines.jobs.gate import Gate
from pipelines.jobs.report_page.plots.changes import change_histogram
from pipelines.jobs.report_page.run_names import run_names
from pipelines.jobs.report_page.strips import StripPair
from pipelines.jobs.report_page.templating import environment


def render_comparison(
    comparison: Comparison,
    gate: Gate | None,
    pairs: Mapping[str, Sequence[StripPair]],
    why_no_pairs: Mapping[str, str],
) -> str:
    """The page of a comparison.

    Args:
        comparison: the runs.
        gate: the verdicts on them; None if nobody asked for any.
        pairs: by the URL of a later run, pictures of objects that got worse in it.
        why_no_pairs: by the URL of a later run, why there are no pictures although there were to be some.
    """
    templates = environment((change_histogram, change_in_words, object_in_words, remarks))
    names = run_names([run.url for run in comparison.runs])
    templates.globals.update(headings=HEADINGS, decimals=DECIMALS, names=names)
    first, *others = (names[run.url] for run in comparison.runs)
    title = f"{first} and {', '.join(others)}" if others else first
    page = templates.get_template("comparison.html.jinja")
    return page.render(
        command="mfp compare",
        title=title,
        comparison=comparison,
        gate=gate,
        pairs=pairs,
        why_no_pairs=why_no_pairs,
    )

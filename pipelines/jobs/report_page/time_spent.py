"""Where the seconds of the workers went."""

from __future__ import annotations

from pipelines.jobs.clicked_run import ClickedRun
from pipelines.jobs.report_page.page_data import TimeShare

_STEPS = "clicks: network, regions, next clicks"
_REST = "the rest: reading, decoding, waiting, writing"


def time_spent(clicked: ClickedRun) -> tuple[TimeShare, ...]:
    """The time of the steps that made clicks, and what is left of the shards' time; none before the first commit.

    A worker begins a shard while the last objects of the one before are clicked, so that shards may overlap.
    """
    of_shards = sum(record.seconds for record in clicked.commits)
    of_clicks = clicked.objects.click_seconds
    if not of_shards:
        return ()
    return (TimeShare(_STEPS, of_clicks), TimeShare(_REST, max(of_shards - of_clicks, 0.0)))

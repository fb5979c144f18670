"""Film strips for pages: of the objects that tell most about a run, and of those that got worse from one to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from infra.runs.run_directory import RunDirectory
from pipelines.jobs.clicked_run import ClickedRun
from pipelines.jobs.comparison_words import object_in_words
from pipelines.jobs.film_strip import film_strip, in_words, png_of, why_no_maps
from pipelines.jobs.object_changes import ObjectChange
from pipelines.jobs.replay import Replay, Replayer
from pipelines.jobs.report_page.page_data import PageStrip
from pipelines.jobs.telling_objects import Role, telling_objects

_HEADINGS: Final[Mapping[Role, str]] = {"worst": "Worst", "median": "Median", "best": "Best"}


@dataclass(frozen=True)
class StripPair:
    """An object in two runs, under one heading."""

    before: PageStrip
    after: PageStrip


def strips_of(clicked: ClickedRun, each: int, *, trust_model_code: bool = False) -> tuple[PageStrip, ...]:
    """Film strips of `each` of the worst, the median and the best objects, in that order.

    Raises:
        OptionError: data set, click log or start are not those of the run any more.
        InfraError: they cannot be read.
    """
    chosen = telling_objects(clicked.objects, clicked.protocol.max_clicks, each)
    if not chosen:
        return ()
    replayer = Replayer(clicked.run, trust_model_code=trust_model_code)
    # samples of several shards may have one key
    replays = {
        (one.shard, (one.sample_key, one.object_id)): one
        for one in replayer.replay([one.name for one in chosen])
    }
    return tuple(page_strip(_HEADINGS[one.role], replays[one.shard, one.name]) for one in chosen)


def strips_of_changes(
    first: RunDirectory,
    later: RunDirectory,
    figure: str,
    changes: Sequence[ObjectChange],
    *,
    trust_model_code: bool = False,
) -> tuple[StripPair, ...]:
    """Film strips of some objects as they were clicked in both runs. Raises as `strips_of` does."""
    if not changes:
        return ()
    names = [(change.sample_key, change.object_id) for change in changes]
    before, after = (
        {
            (one.sample_key, one.object_id): one
            for one in Replayer(run, trust_model_code=trust_model_code).replay(names)
        }
        for run in (first, later)
    )
    headings = [object_in_words(figure, change) for change in changes]
    return tuple(
        StripPair(page_strip(heading, before[name]), page_strip(heading, after[name]))
        for heading, name in zip(headings, names, strict=True)
    )


def page_strip(heading: str, replay: Replay) -> PageStrip:
    """The strip of an object under a heading."""
    words = in_words(replay)
    caption = f"{words}; {why_no_maps(replay)}" if replay.why_no_looks else words
    return PageStrip(heading, caption, png_of([film_strip(replay)]), f"film strip of {words}")

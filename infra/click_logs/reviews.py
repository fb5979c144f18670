"""The clicks of people who have corrected the masks of a run, as a click log."""

from __future__ import annotations

import pyarrow as pa

from infra.click_logs.arrow_table import part_of_table
from infra.click_logs.log_part import LogPart
from infra.click_logs.options import ClickLogOptions
from infra.click_logs.table_columns import Columns
from infra.errors import ClickLogError
from infra.runs.repeated_keys import repeated_keys
from infra.runs.reviews import REVIEWS_FOLDER, Clicked, Review, Reviews
from infra.runs.run_config import RUN_FILE
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage, basename, join

_COLUMNS = ("sample_key", "object_id", "click_idx", "y", "x", "is_foreground")


def reviews_at(storage: Storage, url: str) -> RunDirectory | None:
    """Return the run whose folder of reviews is at a URL; None if that is none."""
    parent = url.rstrip("/").rpartition("/")[0] or "."
    is_there = basename(url) == REVIEWS_FOLDER and storage.exists(join(parent, RUN_FILE))
    return RunDirectory(parent, storage) if is_there else None


def read_reviewed_clicks(run: RunDirectory, options: ClickLogOptions) -> LogPart:
    """Return the clicks that the corrected and the added masks of a run are made of, each looked at by itself.

    Raises:
        ClickLogError: samples of several shards share a key, or an option says how to read it.
        RunDirectoryError, StorageError: the decisions cannot be read.

    """
    url = join(run.url, REVIEWS_FOLDER)
    if options != ClickLogOptions():
        raise ClickLogError(
            f"{url} are the reviews of a run, whose clicks are known: leave out --click-format, --click-column and "
            "--click-units"
        )
    reviews = Reviews(run)
    reviews.refresh()
    clicked = sorted(
        (one.review for one in reviews.all() if _clicked(one.review) is not None),
        key=lambda review: (review.shard, review.sample_key, review.object_id),
    )
    shards = dict.fromkeys(review.shard for review in clicked)
    keys = (
        pa.array([one.sample_key for one in clicked if one.shard == shard], pa.string()) for shard in shards
    )
    for repeated in repeated_keys(zip(shards, keys, strict=True)):
        raise ClickLogError(
            f"{url} has clicks on several samples of one key ({repeated}), which a log cannot tell apart: give each "
            "sample a key of its own, as mfp shard does, and run again"
        )
    rows = [row for review in clicked for row in _rows(review)]
    kinds = (pa.string(), pa.string(), pa.int64(), pa.float64(), pa.float64(), pa.bool_())
    columns = zip(*rows, strict=True) if rows else [[] for _ in _COLUMNS]
    table = pa.table(
        {name: pa.array(column, kind) for name, column, kind in zip(_COLUMNS, columns, kinds, strict=True)}
    )
    return part_of_table(url, table, Columns({name: name for name in _COLUMNS}, "click_idx"))


def _clicked(review: Review) -> Clicked | None:
    """How the mask of a review was clicked; None if it has none, or another program made it."""
    origin = None if review.mask is None else review.mask.origin
    return origin if isinstance(origin, Clicked) else None


def _rows(review: Review) -> list[tuple[str, str, int, float, float, bool]]:
    clicked = _clicked(review)
    assert clicked is not None, "only what was clicked is read"
    return [
        (*review.name, index, click.y, click.x, click.is_foreground)
        for index, click in enumerate(clicked.clicks)
    ]

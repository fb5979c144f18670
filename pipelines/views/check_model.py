"""What `mfp check-model` found, for a person."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.table import Table

from pipelines.jobs.check_model import CheckedModel


def promise_table(found: CheckedModel) -> Table:
    """A row per promise: whether it was kept, and what was seen."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("promise", "kept", "detail"):
        table.add_column(column)
    for one in found.check.promises:
        table.add_row(str(one.name), "yes" if one.holds else "NO", one.detail)
    return table


def check_lines(found: CheckedModel) -> Iterator[str]:
    """The time of a click, and the outcome."""
    check = found.check
    if not math.isnan(check.seconds_per_click):
        yield f"{check.seconds_per_click:.3g} s per click on {found.device}, median, one session at a time"
    whose = f"{found.name} ({check.model}, identity {found.identity})"
    if check.holds:
        yield f"{whose} keeps all {len(check.promises)} promises"
    else:
        yield f"NOT GOOD: {whose} breaks {len(check.broken)} of {len(check.promises)} promises"

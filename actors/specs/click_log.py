"""The section of a specification on how a click log is read."""

from __future__ import annotations

from typing import Annotated

from actors.specs.clicks import Clicks, Logged
from actors.specs.marks import Option, Section
from infra.click_logs.options import ClickLogOptions

ClickLogSection = Annotated[
    ClickLogOptions,
    Section(
        "Click log",
        prefix="click-",
        options={"columns": Option("--click-column", "OURS=THEIRS")},
    ),
]


def check_log_options(clicks: Clicks, log: ClickLogOptions) -> None:
    """Refuse what is for click logs if there is none. Raises ValueError."""
    if isinstance(clicks.origin, Logged):
        return
    if clicks.final_mask_places:
        raise ValueError(
            f"final_masks {clicks.final_masks!r} with clicks {clicks.source!r}: only the clicks of people have an "
            "annotator's mask; leave it out"
        )
    if log != ClickLogOptions():
        raise ValueError(
            f"settings of a click log with clicks {clicks.source!r}: no log is read; leave them out, or give --clicks "
            "logged:URL"
        )

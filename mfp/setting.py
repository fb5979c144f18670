"""What a setting says of itself beside its type: marks for `typing.Annotated` that need no library of ours.

A setting stands in one place, as a field of the frozen dataclass that whatever uses it takes. Its annotation says the
rest: `annotated_types` for bounds and unit, `Doc` for the help text, and here what the setting decides.
"""

from __future__ import annotations

from enum import Enum


class Effect(Enum):
    """What a setting decides; a field without a mark has that of the field which holds its dataclass, or ROWS.

    ROWS: what is made. Who goes on with a run must give the same value.
    CONTENT: what it stands for decides what is made, such as the data set at a place. That is known by a fingerprint or
        an identity; the value may be another.
    EXECUTION: how the work is done. It may change when a run goes on.
    """

    ROWS = "rows"
    CONTENT = "content"
    EXECUTION = "execution"

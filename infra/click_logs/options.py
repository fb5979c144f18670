"""How a click log is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

from annotated_types import Unit
from typing_extensions import Doc

ClickUnits: TypeAlias = Literal["pixels", "normalised", "percent"]
LogFormatName: TypeAlias = Literal["table", "label-studio", "cvat", "coco-keypoints"]
FormatChoice: TypeAlias = Literal["auto", "table", "label-studio", "cvat", "coco-keypoints"]
UnitsChoice: TypeAlias = Literal["auto", "pixels", "normalised", "percent"]
COLUMNS: Final = (
    "sample_key",
    "object_id",
    "click_idx",
    "timestamp",
    "y",
    "x",
    "is_foreground",
    "look",
)
"""The columns of a table that are read, by our names; `docs/click_logs.md` says what they hold."""


@dataclass(frozen=True, kw_only=True)
class ClickLogOptions:
    """How a click log is read; what is left out is told by the log itself."""

    format: Annotated[
        FormatChoice,
        Doc("What wrote the click log; table: CSV, JSON Lines, Parquet. auto: its ending and content tell."),
    ] = "auto"
    columns: Annotated[
        tuple[str, ...],
        Unit("ours=theirs"),
        Doc(
            "What a column of a table is called there, such as x=px; sample_key=image takes the names of image files. "
            f"Ours are {', '.join(COLUMNS)}."
        ),
    ] = ()
    units: Annotated[
        UnitsChoice,
        Doc(
            "What y and x of a table are: pixels, shares of the image from 0 to 1, or percent. auto: pixels, or what "
            "the format says."
        ),
    ] = "auto"

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for pair in self.columns:
            ours, _, theirs = pair.partition("=") if isinstance(pair, str) else ("", "", "")
            if not (ours and theirs):
                raise ValueError(f"click column {pair!r}: write OURS=THEIRS, such as sample_key=image")
            if ours not in COLUMNS:
                raise ValueError(f"click column {pair!r}: {ours!r} is none of {', '.join(COLUMNS)}")
            if ours in seen:
                raise ValueError(f"click column {pair!r}: {ours} was named before; name it once")
            seen.add(ours)

    def theirs(self, ours: str) -> str:
        """Return what one of our columns is called in the table."""
        return next((pair.partition("=")[2] for pair in self.columns if pair.startswith(f"{ours}=")), ours)

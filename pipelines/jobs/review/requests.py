"""What the page may ask for, as JSON: checked like every other input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, MaxLen, MinLen

from infra.runs.reviews import Verdict
from mfp.clicks import Click
from pipelines.jobs.review.desk import Decision, Place

Text = Annotated[str, MinLen(1), MaxLen(1000)]


@dataclass(frozen=True)
class PageClick:
    """A click; `y`, `x`: pixels of the image that is worked on."""

    y: float
    x: float
    is_foreground: bool

    @property
    def click(self) -> Click:
        """For the model."""
        return Click(self.y, self.x, self.is_foreground)


@dataclass(frozen=True)
class ObjectRequest:
    """An object, and the clicks on it that make the mask that is asked for."""

    shard: Text
    key: Text
    id: Text
    clicks: Annotated[tuple[PageClick, ...], MaxLen(1000)] = ()

    @property
    def place(self) -> Place:
        """Which object."""
        return Place(self.shard, self.key, self.id)

    @property
    def made(self) -> tuple[Click, ...]:
        """The clicks."""
        return tuple(one.click for one in self.clicks)


@dataclass(frozen=True)
class DecisionRequest:
    """See `Decision`."""

    object: ObjectRequest
    after: Annotated[int, Ge(0)]
    decision: Text
    verdict: Literal["accepted", "corrected", "rejected", "withdrawn"]
    reviewer: Annotated[str, MaxLen(200)] = ""
    category: Annotated[str, MinLen(1), MaxLen(200)] | None = None

    def __post_init__(self) -> None:
        if (self.verdict == "corrected") != bool(self.object.clicks):
            raise ValueError(f"{self.verdict} with {len(self.object.clicks)} clicks")

    @property
    def wanted(self) -> Decision:
        """For the desk."""
        return Decision(
            self.object.place,
            self.after,
            self.decision,
            Verdict(self.verdict),
            self.reviewer.strip(),
            self.object.made,
            self.category,
        )

"""What is known of the masks of a random audit: what people decided about them, or their truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

ObjectName: TypeAlias = tuple[str, str]
"""Sample key and object id."""
Verdict: TypeAlias = Literal["accepted", "corrected", "rejected"]
TRUTH: Final = "truth"
"""Stands for a reviewer where an IoU with the truth decides."""


class Reviewed(Protocol):
    """A decision of a person about the mask of an object."""

    @property
    def verdict(self) -> str:
        """accepted, corrected or rejected; of any other the audit reads nothing."""

    @property
    def reviewer(self) -> str:
        """Who decided."""

    @property
    def iou(self) -> float | None:
        """Of the corrected mask with that of the run, in [0, 1]; None unless it was corrected."""


@dataclass(frozen=True)
class AuditedMask:
    """A mask of the audit whose quality is known.

    Attributes:
        is_good: its IoU is as high as promised. A corrected mask says its IoU; an accepted one is good by the
            reviewer's word, a rejected one bad.
        found: the verdict, or "truth" if its IoU with the truth decides.
        by: the reviewer, or "truth".
    """

    is_good: bool
    found: Verdict | Literal["truth"]
    by: str


def audited(
    name: ObjectName, iou: float | None, reviews: Mapping[ObjectName, Reviewed], min_iou: float
) -> AuditedMask | None:
    """What is known of a mask: a review goes before its IoU with the truth. None: neither is there."""
    review = reviews.get(name)
    if review is not None:
        match str(review.verdict):
            case "accepted":
                return AuditedMask(True, "accepted", review.reviewer)
            case "rejected":
                return AuditedMask(False, "rejected", review.reviewer)
            case "corrected":
                assert review.iou is not None, "a corrected mask has an IoU"
                return AuditedMask(review.iou >= min_iou, "corrected", review.reviewer)
    return None if iou is None else AuditedMask(iou >= min_iou, "truth", TRUTH)


def count_by(masks: Sequence[AuditedMask], name: Literal["found", "by"]) -> dict[str, int]:
    """How many of the masks have each verdict, or each reviewer, sorted by name."""
    names = [getattr(mask, name) for mask in masks]
    return {one: names.count(one) for one in sorted(set(names))}

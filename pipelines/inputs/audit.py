"""What is known of the masks of a random audit: what people decided about them, or their truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from infra.runs.reviews import ObjectName, Review, Verdict

TRUTH: Final = "truth"
"""Stands for a reviewer where an IoU with the truth decides."""


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
    found: str
    by: str


def audited(
    name: ObjectName, iou: float | None, reviews: Mapping[ObjectName, Review], min_iou: float
) -> AuditedMask | None:
    """What is known of a mask: a review goes before its IoU with the truth. None: neither is there."""
    review = reviews.get(name)
    if review is not None:
        match review.verdict:
            case Verdict.ACCEPTED:
                return AuditedMask(True, review.verdict.value, review.reviewer)
            case Verdict.REJECTED:
                return AuditedMask(False, review.verdict.value, review.reviewer)
            case Verdict.CORRECTED:
                assert review.iou is not None, "a corrected mask has an IoU"
                return AuditedMask(review.iou >= min_iou, review.verdict.value, review.reviewer)
    return None if iou is None else AuditedMask(iou >= min_iou, "truth", TRUTH)


def count_by(masks: Sequence[AuditedMask], name: Literal["found", "by"]) -> dict[str, int]:
    """How many of the masks have each verdict, or each reviewer, sorted by name."""
    names = [getattr(mask, name) for mask in masks]
    return {one: names.count(one) for one in sorted(set(names))}

"""The masks of a run as they are after review: corrected ones in place, rejected ones gone, added ones there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from infra import rle
from infra.runs.reviews import Clicked, Imported, Review, ReviewMask, Reviews, Verdict
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import MASKS
from mfp.stop_reason import StopReason

_UNKNOWN = [field.name for field in MASKS.schema if field.nullable and field.name != "truth_area"]


@dataclass(frozen=True)
class ReviewedRow:
    """A mask.

    `values` are the columns of the masks table; for a mask that a person has made they are those that its clicks would
    give in a run without truth, or those of a mask without a click if it was imported. `review` is the decision on it;
    None: nobody has decided.
    """

    values: Mapping[str, Any]
    review: Review | None


class ReviewedRows:
    """The decisions on a run, read once, and its rows with them."""

    def __init__(self, run: RunDirectory) -> None:
        """InfraError if the decisions cannot be read."""
        reviews = Reviews(run)
        reviews.refresh()
        self._of_shard: dict[str, dict[tuple[str, str], Review]] = defaultdict(dict)
        for decided in reviews.all():
            review = decided.review
            if review.verdict is not Verdict.WITHDRAWN:
                self._of_shard[review.shard][review.name] = review

    def rejected(self, shard: str) -> Counter[str]:
        """How many objects are rejected, by the samples of a shard."""
        reviews = self._of_shard.get(shard, {}).values()
        return Counter(review.sample_key for review in reviews if review.verdict is Verdict.REJECTED)

    def has(self, shard: str) -> bool:
        """Whether anything was decided in a shard."""
        return shard in self._of_shard

    def of_shard(self, shard: str, table: pa.Table) -> Iterator[ReviewedRow]:
        """Yield the rows of its part of the masks table, then the objects that were added, those rejected left out."""
        decided = dict(self._of_shard.get(shard, {}))
        for batch in table.to_batches(max_chunksize=1024):
            for values in batch.to_pylist():
                review = decided.pop((values["sample_key"], values["object_id"]), None)
                if review is None or review.verdict is not Verdict.REJECTED:
                    mask = None if review is None else review.mask
                    yield ReviewedRow(values if mask is None else values | _of_mask(mask), review)
        for review in decided.values():
            if review.mask is not None:
                of_object = {"sample_key": review.sample_key, "object_id": review.object_id, "shard": shard}
                yield ReviewedRow({"truth_area": None} | _of_mask(review.mask) | of_object, review)


def table_of(rows: list[ReviewedRow]) -> pa.Table:
    """The rows as a masks table."""
    return pa.Table.from_pylist([dict(row.values) for row in rows], schema=MASKS.schema)


def _of_mask(mask: ReviewMask) -> dict[str, Any]:
    """The columns that a mask of a person decides; what needs truth is not known of it."""
    x, y, w, h = rle.bbox(mask.rle, mask.height, mask.width)
    return dict.fromkeys(_UNKNOWN) | {
        "height": mask.height,
        "width": mask.width,
        "rle": mask.rle,
        "bbox": {"x": x, "y": y, "w": w, "h": h},
        "area": rle.area(mask.rle, mask.height, mask.width),
        "stop_reason": str(StopReason.CLICKS_EXHAUSTED),
        **_of_origin(mask.origin),
    }


def _of_origin(origin: Clicked | Imported) -> dict[str, Any]:
    """The columns that say how a mask was made. No model has seen one that was imported, and nobody has clicked."""
    if isinstance(origin, Imported):
        return {"num_clicks": 0, "start": "nothing", "model_id": f"imported:{origin.format}"}
    return {
        "num_clicks": len(origin.clicks),
        "start": origin.start,
        "quality": origin.quality,
        "model_id": origin.model_id,
    }

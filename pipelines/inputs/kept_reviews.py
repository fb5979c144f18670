"""What a labelling run takes over from another one: masks that people have accepted or corrected, and their reviews."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import Literal

from actors.labelling.kept_rows import NOTHING_KEPT, KeptObjects
from actors.specs.label import LabelSpec
from infra.runs.reviews import LOCKED, Review, Reviews, Verdict
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import MASKS
from infra.shards.manifest import DatasetManifest
from infra.storage.files import Storage
from infra.strict_json import to_json
from pipelines.errors import OptionError
from pipelines.inputs.run_record import KeptContent, LabelRecord, read_record


@dataclass(frozen=True)
class KeptReviews:
    """Decisions that lock a mask. `objects` are those of them whose mask is a row of the other run."""

    objects: KeptObjects
    reviews: tuple[Review, ...]

    @property
    def content(self) -> KeptContent | Literal["none"]:
        """What is taken over, by its content."""
        if not self.objects.run:
            return "none"
        told = json.dumps([to_json(review) for review in self.reviews], sort_keys=True)
        return KeptContent(
            fingerprint=hashlib.sha256(told.encode()).hexdigest(), num_objects=len(self.reviews)
        )

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many of each kind."""
        return Counter(review.verdict for review in self.reviews)

    def put_into(self, run: RunDirectory) -> None:
        """Make the reviews those of a run that has the rows; what it has already stays.

        Raises:
            InfraError: they cannot be written.
        """
        if not self.reviews:
            return
        records = run.committed()
        there = Reviews(run)
        there.refresh()
        for review in self.reviews:
            if review.shard in records and there.of(review.shard, *review.name) is None:
                there.put(replace(review, attempt=records[review.shard].attempt), 0)


_NOTHING = KeptReviews(NOTHING_KEPT, ())


def find_kept(spec: LabelSpec, dataset: DatasetManifest, storage: Storage) -> KeptReviews:
    """Read what a resolved specification wants to be taken over.

    Raises:
        OptionError: the other run is of other data, or is the run itself.
        InfraError: it cannot be read.
    """
    if spec.keep_reviewed is None:
        return _NOTHING
    if spec.keep_reviewed.rstrip("/") == spec.out.rstrip("/"):
        raise OptionError(f"{spec.out} cannot take over its own masks: give another directory as --out")
    record = read_record(LabelRecord, spec.keep_reviewed, storage)
    if record.dataset.fingerprint != dataset.fingerprint:
        raise OptionError(
            f"--keep-reviewed {spec.keep_reviewed}: it is a run over other data than {spec.dataset}, so that its masks "
            "would lie on other images"
        )
    run = RunDirectory(spec.keep_reviewed, storage)
    reviews = Reviews(run)
    reviews.refresh()
    names = {shard.name for shard in dataset.shards}
    locked = sorted(
        (one.review for one in reviews.all() if one.review.verdict in LOCKED and one.review.shard in names),
        key=lambda review: (review.shard, *review.name),
    )
    in_run = [review for review in locked if review.verdict is not Verdict.ADDED]
    of_shard: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for review in in_run:
        of_shard[review.shard].add(review.name)
    _check_rows(run, of_shard)
    kept = {shard: frozenset(objects) for shard, objects in of_shard.items()}
    return KeptReviews(KeptObjects(spec.keep_reviewed, kept), tuple(locked))


def _check_rows(run: RunDirectory, of_shard: dict[str, set[tuple[str, str]]]) -> None:
    """Refuse reviews of rows that are not there: they would be lost without a word."""
    records = [run.record_of(shard) for shard in sorted(of_shard)]
    for record, table in zip(
        records, run.read_parts(MASKS, records, ["sample_key", "object_id"]), strict=True
    ):
        there = {(row["sample_key"], row["object_id"]) for row in table.to_pylist()}
        for key, object_id in sorted(of_shard[record.shard] - there):
            raise OptionError(
                f"{run.url} has a review of object {object_id!r} of sample {key!r}, and no mask of it: restore the "
                f"part of shard {record.shard}, or take the review back"
            )

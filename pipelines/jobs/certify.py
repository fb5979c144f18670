"""`mfp certify`: promises that most masks of a set are good, by a random audit; the rest is the review queue.

RUN/certify/audit.json         the promise, and which masks were drawn for it: written first, never over another
RUN/certify/certificate.json   what is promised, once all drawn masks are reviewed or have truth
RUN/certify/masks.parquet      a row for each mask: drawn or not, certified or not, its place in the review queue
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from annotated_types import Ge
from numpy.typing import NDArray

from actors.specs.certify import CertifySpec
from actors.specs.checked import checked
from actors.specs.places import absolute
from infra.errors import RunDirectoryError
from infra.json_text import JsonValue
from infra.runs.audit_draw import audit_place
from infra.runs.commit import CommitRecord
from infra.runs.repeated_keys import repeated_keys
from infra.runs.reviews import ObjectName, Review, digest_of, read_reviews
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import committed_and_set_aside
from infra.runs.tables import MASKS
from infra.storage.create_once import create_or_read
from infra.storage.files import Storage, join
from infra.strict_json import from_bytes, to_bytes, to_json
from mfp.certificate import AuditedSet, certified_set, fewest_audited, nested_sets
from mfp.promise import Promise
from pipelines.errors import OptionError
from pipelines.inputs.audit import AuditedMask, audited, count_by
from pipelines.inputs.run_record import LabelRecord, now, read_record

CERTIFY_FOLDER: Final = "certify"
AUDIT_FILE: Final = "audit.json"
CERTIFICATE_FILE: Final = "certificate.json"
MASKS_FILE: Final = "masks.parquet"
_COLUMNS: Final = ("sample_key", "object_id", "shard", "iou", "quality", "model_id")
NOT_PROMISED: Final = (
    "it is about the masks of this run as it is, as a whole, and says nothing of a single one of them, of other images "
    "or of the same ones labelled again",
    "it is about masks, and says nothing of objects that the run has missed, or of classes",
    "it holds if the audit was random: promise, size and seed were chosen without a look at the drawn masks, all of "
    "them were reviewed, and none was drawn again after a look",
    "a mask that was accepted counts as good by the reviewer's word: who accepts too easily promises too much",
    "of several promises on one audit each holds with its confidence, and not all of them together",
)
"""What a certificate does not say, beside what it says."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    """`audit.json`.

    Attributes:
        promise: what the audit is to show; said before anybody has looked.
        size, seed: how it was drawn.
        masks: SHA-256 over the masks of the run: that the set is the same.
        drawn: sample key and object id of the masks, in the order of the draw.
        reviewed_before: how many of them somebody had decided on before the draw.
        created: UTC, ISO 8601.
    """

    promise: Promise
    size: Annotated[int, Ge(1)]
    seed: Annotated[int, Ge(0)]
    masks: str
    drawn: tuple[ObjectName, ...]
    reviewed_before: Annotated[int, Ge(0)]
    created: str


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """`certificate.json`.

    Attributes:
        run, model_ids, dataset_fingerprint: whose masks it is about.
        masks: SHA-256 over them.
        promise: what holds of the certified ones.
        num_masks: of the run.
        without_quality: of them: no network has seen them, and they are not certified.
        certified: the largest set that the audit shows to be good; None if it shows none.
        audit_size, audit_seed: how the audit was drawn.
        reviewed_before: masks of the audit that somebody had decided on before it was drawn. Who chose the promise by
            those has shown less than it says.
        num_bad: masks of the audit that are bad.
        audit_found: masks of the audit by what was found: accepted, corrected, rejected, or truth.
        reviewers: masks of the audit by who has reviewed them; `truth` if their IoU with the truth decided.
        tested: all sets in the order of the test, those after the first failure included.
        not_promised: in words.
        created: UTC, ISO 8601.
    """

    run: str
    model_ids: tuple[str, ...]
    dataset_fingerprint: str
    masks: str
    promise: Promise
    num_masks: Annotated[int, Ge(1)]
    without_quality: Annotated[int, Ge(0)]
    certified: AuditedSet | None
    audit_size: Annotated[int, Ge(1)]
    audit_seed: Annotated[int, Ge(0)]
    reviewed_before: Annotated[int, Ge(0)]
    num_bad: Annotated[int, Ge(0)]
    audit_found: Mapping[str, int]
    reviewers: Mapping[str, int]
    tested: tuple[AuditedSet, ...]
    not_promised: tuple[str, ...]
    created: str

    @property
    def num_certified(self) -> int:
        """Masks that the promise is about."""
        return 0 if self.certified is None else self.certified.num_masks


@dataclass(frozen=True)
class Certification:
    """What one call has come to: an audit that waits for reviews, or a certificate.

    Attributes:
        run_url: whose.
        audit: the masks that were drawn.
        missing: those of them that are neither reviewed nor have truth.
        certificate: None while some are missing.
        num_queued: masks that are neither certified nor reviewed.
    """

    run_url: str
    audit: Audit
    missing: tuple[ObjectName, ...]
    certificate: Certificate | None
    num_queued: int

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        return {
            "run": self.run_url,
            "audit": to_json(self.audit),
            "missing": [list(name) for name in self.missing],
            "certificate": None if self.certificate is None else to_json(self.certificate),
            "queued": self.num_queued,
        }


def run_certify(spec: CertifySpec) -> Certification:
    """Draw the audit of a finished run, or certify its masks if all that were drawn are reviewed or have truth.

    Raises:
        OptionError: the run has an audit for another promise, or of another size or seed; it has no mask to audit.
        RunDirectoryError: there is no run, it is unfinished or damaged, or its masks are others than those that were
            drawn from.
        StorageError: something cannot be read or written.

    """
    spec = checked(CertifySpec, spec)
    run = RunDirectory(absolute(spec.run), Storage(spec.storage))
    record = read_record(LabelRecord, run.url, run.storage)
    masks = _RunMasks.read(run, record)
    reviews = {name: review for name, review in read_reviews(run).items() if masks.is_of(review)}
    audit = _audit(spec, run, masks, reviews)
    known = {
        name: found
        for name in audit.drawn
        if (found := audited(name, masks.iou_of(name), reviews, audit.promise.min_iou)) is not None
    }
    missing = tuple(name for name in audit.drawn if name not in known)
    certificate = None if missing else _certificate(run, record, masks, audit, known)
    is_certified = np.zeros(masks.num_masks, np.bool_)
    if certificate is not None and certificate.certified is not None:
        is_certified = masks.quality >= certificate.certified.min_quality  # NaN is not
    is_reviewed = np.array([name in reviews for name in masks.names], np.bool_)
    rank = _queue(masks, is_certified | is_reviewed)
    _write_rows(run, masks, audit, is_certified, rank)
    if certificate is None:
        run.storage.delete(_url(run, CERTIFICATE_FILE))  # a review that it rested on was taken back
    else:
        run.storage.write_bytes(_url(run, CERTIFICATE_FILE), to_bytes(certificate))
    return Certification(run.url, audit, missing, certificate, int(np.count_nonzero(rank >= 0)))


@dataclass(frozen=True, eq=False)
class _RunMasks:
    """The masks of a run in the order of its shards.

    Attributes:
        table: a row for each.
        names: sample key and object id of each.
        index: their places by name.
        quality: (N,), NaN for a mask that no network has seen.
        attempts: of the commits, by shard.
        digest: SHA-256 over all of them.
    """

    table: pa.Table
    names: Sequence[ObjectName]
    index: Mapping[ObjectName, int]
    quality: NDArray[np.float64]
    attempts: Mapping[str, str]
    digest: str

    @classmethod
    def read(cls, run: RunDirectory, record: LabelRecord) -> _RunMasks:
        """Those of a run that is finished."""
        committed, set_aside = committed_and_set_aside(run)
        if len(committed) + len(set_aside) < record.dataset.num_shards:
            raise RunDirectoryError(
                f"{run.url} is unfinished: {len(committed):,} of {record.dataset.num_shards:,} shards; a certificate "
                "is about a set of masks that does not grow: let it end first"
            )
        records = [record for _, record in sorted(committed.items())]
        parts = list(run.read_parts(MASKS, records, _COLUMNS))
        keys = [(one.shard, part["sample_key"]) for one, part in zip(records, parts, strict=True)]
        if repeated := list(repeated_keys(keys)):
            raise RunDirectoryError(
                f"{run.url}: {repeated[0]}; masks are reviewed by sample key and object id: label data with other keys"
            )
        table = pa.concat_tables([MASKS.empty(_COLUMNS), *parts])
        names = list(zip(table["sample_key"].to_pylist(), table["object_id"].to_pylist(), strict=True))
        return cls(
            table,
            names,
            {name: place for place, name in enumerate(names)},
            table["quality"].to_numpy().astype(np.float64),
            {record.shard: record.attempt for record in records},
            _digest(records),
        )

    @property
    def num_masks(self) -> int:
        """All of them."""
        return len(self.names)

    def iou_of(self, name: ObjectName) -> float | None:
        """With the truth; None without."""
        value: float | None = self.table["iou"][self.index[name]].as_py()
        return value

    def is_of(self, review: Review) -> bool:
        """Whether a review is about a mask as it is now; its shard may have been labelled again since."""
        return self.attempts.get(review.shard) == review.attempt

    def drawn(self, size: int, seed: int) -> tuple[ObjectName, ...]:
        """That many of the masks that have a quality, at random."""
        shards = self.table["shard"].to_pylist()
        places = [
            audit_place(seed, digest_of(shard, *name)) for shard, name in zip(shards, self.names, strict=True)
        ]
        scored = [place for place in range(self.num_masks) if np.isfinite(self.quality[place])]
        scored.sort(key=lambda place: places[place])
        return tuple(self.names[place] for place in scored[:size])


def _digest(records: Sequence[CommitRecord]) -> str:
    """Over the masks of these commits."""
    parts = (f"{record.shard} {record.parts[MASKS.name].sha256}\n" for record in records)
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _audit(
    spec: CertifySpec, run: RunDirectory, masks: _RunMasks, reviews: Mapping[ObjectName, Review]
) -> Audit:
    """The audit of the run: the one that is there, or the one that is drawn now."""
    num_scored = int(np.count_nonzero(np.isfinite(masks.quality)))
    if not num_scored:
        raise OptionError(f"{run.url} has no mask with a quality: there is nothing to certify")
    if spec.audit < (fewest := fewest_audited(num_scored, spec.promise)):
        raise OptionError(
            f"--audit {spec.audit}: shows nothing of {num_scored:,} masks, even if all that are drawn are good; give "
            f"{fewest} or more, or promise less (--share, --confidence)"
        )
    url = _url(run, AUDIT_FILE)
    drawn = masks.drawn(spec.audit, spec.seed)
    asked = Audit(
        promise=spec.promise,
        size=spec.audit,
        seed=spec.seed,
        masks=masks.digest,
        drawn=drawn,
        reviewed_before=sum(name in reviews for name in drawn),
        created=now(),
    )
    there = create_or_read(run.storage, url, to_bytes(asked))
    if there is None:
        return asked
    try:
        audit = from_bytes(Audit, there)
    except ValueError as error:
        raise RunDirectoryError(f"{url} is no audit of this version ({error}): restore it") from None
    if audit.masks != masks.digest:
        raise RunDirectoryError(
            f"{run.url}: its masks are others than those that {url} was drawn from; delete {CERTIFY_FOLDER}/ and draw "
            "anew"
        )
    for name, before, after in (
        *(("--audit", audit.size, asked.size), ("--seed", audit.seed, asked.seed)),
        ("--min-iou", audit.promise.min_iou, asked.promise.min_iou),
        ("--share", audit.promise.share, asked.promise.share),
        ("--confidence", audit.promise.confidence, asked.promise.confidence),
    ):
        if before != after:
            raise OptionError(
                f"{name} {after!r}: the audit of {run.url} was drawn for {before!r}, and what is asked after a look "
                f"at it cannot be promised; give {before!r}, or delete {CERTIFY_FOLDER}/ and give another --seed"
            )
    return audit


def _certificate(
    run: RunDirectory,
    record: LabelRecord,
    masks: _RunMasks,
    audit: Audit,
    known: Mapping[ObjectName, AuditedMask],
) -> Certificate:
    has_quality = np.isfinite(masks.quality)
    is_audited, is_bad = np.zeros((2, masks.num_masks), np.bool_)
    for name, found in known.items():
        is_audited[masks.index[name]] = True
        is_bad[masks.index[name]] = not found.is_good
    tested = nested_sets(
        masks.quality[has_quality], is_audited[has_quality], is_bad[has_quality], audit.promise
    )
    audited_masks = list(known.values())
    return Certificate(
        run=run.url,
        model_ids=tuple(sorted(set(masks.table["model_id"].to_pylist()))),
        dataset_fingerprint=record.dataset.fingerprint,
        masks=audit.masks,
        promise=audit.promise,
        num_masks=masks.num_masks,
        without_quality=int(np.count_nonzero(~has_quality)),
        certified=certified_set(tested, audit.promise),
        audit_size=len(audit.drawn),
        audit_seed=audit.seed,
        reviewed_before=audit.reviewed_before,
        num_bad=int(np.count_nonzero(is_bad)),
        audit_found=count_by(audited_masks, "found"),
        reviewers=count_by(audited_masks, "by"),
        tested=tested,
        not_promised=NOT_PROMISED,
        created=now(),
    )


def _queue(masks: _RunMasks, is_settled: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N,): places in the review queue from 0 on, the lowest quality first; -1 for what needs no review."""
    rank = np.full(masks.num_masks, -1, np.int64)
    order = np.argsort(np.nan_to_num(masks.quality, nan=-1.0), kind="stable")
    queued = order[~is_settled[order]]
    rank[queued] = np.arange(len(queued))
    return rank


def _write_rows(
    run: RunDirectory,
    masks: _RunMasks,
    audit: Audit,
    is_certified: NDArray[np.bool_],
    rank: NDArray[np.int64],
) -> None:
    drawn = set(audit.drawn)
    table = masks.table.select(["shard", "sample_key", "object_id", "quality"])
    for name, values in (
        ("is_audited", pa.array([one in drawn for one in masks.names], pa.bool_())),
        ("is_certified", pa.array(is_certified)),
        ("review_rank", pa.array(rank, mask=rank < 0)),
    ):
        table = table.append_column(name, values)
    stream = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(None), stream)
    run.storage.write_bytes(_url(run, MASKS_FILE), stream.getvalue())


def _url(run: RunDirectory, file: Literal["audit.json", "certificate.json", "masks.parquet"]) -> str:
    return join(run.url, CERTIFY_FOLDER, file)

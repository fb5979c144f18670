"""Labels that people have corrected in another program, back into the reviews of the run that they came from.

Everything is read and judged before the first decision is written, so that a file with a fault leaves the run as it is.
An import that was interrupted is given again: what it has written is found there.
"""

from __future__ import annotations

import io
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow.parquet as pq

from actors.specs.checked import checked
from actors.specs.import_labels import ImportLabelsSpec
from actors.stop_request import check_stop
from infra.errors import LabelImportError
from infra.exports.own_files import OBJECTS_FILE
from infra.imports.read_labels import CorrectedLabels, read_labels
from infra.runs.reviews import Imported, Review, ReviewConflictError, ReviewMask, Reviews, Verdict
from infra.storage.files import Storage, basename, join
from infra.storage.locations import expand_home
from pipelines.counted import counted
from pipelines.errors import OptionError
from pipelines.inputs.images_of_run import Categories, ImagesOfRun, MaskOfRun
from pipelines.jobs.imported_labels import Conflict, ImportedLabels
from pipelines.jobs.label_outcomes import ImageOutcomes, Outcome, RunObject, outcomes_of
from pipelines.progress_report import OnProgress, ProgressReport

_MOST_NAMED = 3
"""Of images in a message."""
_MOST_CONFLICTS = 20
"""That are named."""
_THREADS = 16
_AT_ONCE = 1000
"""Decisions between two looks at whether to stop."""


def run_import_labels(spec: ImportLabelsSpec, on_progress: OnProgress | None = None) -> ImportedLabels:
    """Write what a file says of the masks of a run as reviews.

    Raises:
        SpecError: a value of the specification cannot be used.
        OptionError: the data set is another than the run's.
        LabelImportError: the file cannot be read, names images that the run does not have, or has masks that do not fit
            them. Nothing was written then.
        InfraError: run, data set or storage cannot be read or written. Decisions may have been written: import again.
    """
    spec = checked(ImportLabelsSpec, spec)
    spec = replace(spec, run=expand_home(spec.run), file=expand_home(spec.file))
    storage = Storage(spec.storage)
    images = ImagesOfRun(spec.run, storage)
    labels, num_named = _read(spec, storage, images)
    reviews = Reviews(images.run)
    reviews.refresh()
    job = _Import(spec, images, labels, reviews, on_progress)
    job.judge(_exported(spec, storage))
    if not spec.dry_run:
        job.write()
    return job.result(num_named)


def _read(spec: ImportLabelsSpec, storage: Storage, images: ImagesOfRun) -> tuple[CorrectedLabels, int]:
    """The labels, and how many images were found by their names alone."""
    known = images.with_masks()
    labels = read_labels(storage, spec.file, spec.format, known)
    if known.unknown:  # images without a mask may be among them, on which objects were added
        known = images.all()
        labels = read_labels(storage, spec.file, spec.format, known)
    if known.unknown:
        first = ", ".join(map(repr, list(known.unknown)[:_MOST_NAMED]))
        more = ", ..." if len(known.unknown) > _MOST_NAMED else ""
        raise LabelImportError(
            f"{spec.file} has {counted(len(known.unknown), 'image')} that {spec.run} does not have ({first}{more}): "
            "name the run that they were exported from, or take them out of the file"
        )
    if not labels.images:
        told = "".join(f"; {count:,} {what}" for what, count in labels.left_out.items())
        raise LabelImportError(
            f"{spec.file} has no image that somebody has reviewed{told}: submit them in the program, and export again"
        )
    return labels, len(known.named & labels.images.keys())


def _exported(spec: ImportLabelsSpec, storage: Storage) -> Mapping[str, frozenset[str]] | None:
    """Object ids of an export by sample key; None: nothing was left out of it."""
    if spec.exported is None:
        return None
    url, columns = join(expand_home(spec.exported), OBJECTS_FILE), ["sample_key", "object_id"]
    try:
        table = pq.read_table(io.BytesIO(storage.read_bytes(url)), columns=columns, use_threads=False)
    except (ValueError, OSError, KeyError) as error:
        raise LabelImportError(
            f"{url} is no list of what was exported ({error}): --exported is the folder that `mfp export` wrote"
        ) from None
    ids: dict[str, set[str]] = defaultdict(set)
    for key, object_id in zip(*(table[name].to_pylist() for name in columns), strict=True):
        ids[key].add(object_id)
    return {key: frozenset(of_key) for key, of_key in ids.items()}


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the file says of an object, and after how many decisions on it."""

    shard: str
    key: str
    outcome: Outcome
    after: int


class _Import:
    """An import under way."""

    def __init__(
        self,
        spec: ImportLabelsSpec,
        images: ImagesOfRun,
        labels: CorrectedLabels,
        reviews: Reviews,
        on_progress: OnProgress | None,
    ) -> None:
        self._spec = spec
        self._images = images
        self._labels = labels
        self._reviews = reviews
        self._added: dict[tuple[str, str], list[str]] = defaultdict(list)
        for decided in reviews.all():
            review = decided.review
            if review.verdict is Verdict.ADDED:
                self._added[review.shard, review.sample_key].append(review.object_id)
        self._on_progress = on_progress
        self._origin = Imported(basename(spec.file), labels.format)
        self._verdicts: Counter[Verdict] = Counter()
        self._counts: Counter[str] = Counter()
        self._total_iou = 0.0
        self._to_write: list[_Judged] = []
        self._conflicts: list[Conflict] = []
        self._num_conflicts = 0
        self._num_written = 0

    def judge(self, exported: Mapping[str, frozenset[str]] | None) -> None:
        """Hold every image of the file against the run."""
        for shard, keys in self._images.by_shard(self._labels.images.keys()).items():
            check_stop()
            categories = self._images.categories(shard, keys, self._spec.category)
            for key, rows in self._images.masks(shard, keys).items():
                objects = self._objects(shard, key, rows, categories[key])
                labels = self._labels.images[key]
                ids = {one.object_id for one in objects}
                shown = ids if exported is None else ids & exported.get(key, frozenset())
                may_be_deleted = frozenset() if labels.num_left_out else shown
                found = outcomes_of(
                    key,
                    *self._images.size_of(key),
                    objects,
                    labels.shapes,
                    categories[key].usual,
                    ids - may_be_deleted,
                )
                undecided = shown - may_be_deleted - {outcome.object_id for outcome in found.outcomes}
                self._counts["undecided"] += len(undecided)
                self._take(shard, key, found)
            self._report("comparing")

    def write(self) -> None:
        """Make the decisions durable."""
        now = datetime.now(UTC)
        with ThreadPoolExecutor(_THREADS) as pool:
            for first in range(0, len(self._to_write), _AT_ONCE):
                check_stop()
                some = self._to_write[first : first + _AT_ONCE]
                for judged, rival in zip(some, pool.map(lambda one: self._put(one, now), some), strict=True):
                    if rival is None:
                        self._num_written += 1
                    else:
                        self._compare(judged, rival)
                self._report("writing")

    def result(self, num_named: int) -> ImportedLabels:
        """What came of it."""
        num_corrected = self._verdicts[Verdict.CORRECTED]
        return ImportedLabels(
            run=self._spec.run,
            file=self._spec.file,
            format=self._labels.format,
            is_dry_run=self._spec.dry_run,
            images=len(self._labels.images),
            accepted=self._verdicts[Verdict.ACCEPTED],
            corrected=num_corrected,
            rejected=self._verdicts[Verdict.REJECTED],
            added=self._verdicts[Verdict.ADDED],
            reclassed=self._counts["reclassed"],
            mean_iou=self._total_iou / num_corrected if num_corrected else 1.0,
            corrected_by_polygons=self._counts["polygons"],
            written=len(self._to_write) if self._spec.dry_run else self._num_written,
            already=self._counts["already"],
            conflicts=self._num_conflicts,
            first_conflicts=tuple(self._conflicts),
            images_by_name=num_named,
            objects_by_overlap=self._counts["overlapping"],
            twins=self._counts["twins"],
            empty=self._counts["empty"],
            undecided=self._counts["undecided"],
            left_out=dict(self._labels.left_out),
        )

    def _objects(
        self, shard: str, key: str, rows: Sequence[MaskOfRun], categories: Categories
    ) -> Sequence[RunObject]:
        """The objects of an image: rows of the run, then what reviews have added."""
        objects = []
        for row in rows:
            corrected = self._mask_of(shard, key, row.object_id, Verdict.CORRECTED)
            objects.append(RunObject(row.object_id, categories.of(row.object_id), row.rle, corrected))
        for object_id in self._added.get((shard, key), ()):
            mask = self._mask_of(shard, key, object_id, Verdict.ADDED)
            objects.append(RunObject(object_id, categories.usual, mask, is_in_run=False))
        return objects

    def _mask_of(self, shard: str, key: str, object_id: str, verdict: Verdict) -> bytes:
        """The mask of the decision on an object, if it is that verdict; else empty."""
        decided = self._reviews.of(shard, key, object_id)
        if decided is None or decided.review.verdict is not verdict or decided.review.mask is None:
            return b""
        mask = decided.review.mask
        if (mask.height, mask.width) != self._images.size_of(key):
            raise OptionError(
                f"the review of object {object_id!r} of sample {key!r} has a mask of {mask.height} x {mask.width} "
                f"pixels, which its image does not have: take the review back, or restore {self._spec.run}"
            )
        return mask.rle

    def _take(self, shard: str, key: str, found: ImageOutcomes) -> None:
        """Count what the file says of an image, and note what is to be written."""
        self._counts["overlapping"] += found.num_overlapping
        self._counts["twins"] += found.num_twins
        self._counts["empty"] += found.num_empty
        for outcome in found.outcomes:
            self._verdicts[outcome.verdict] += 1
            self._counts["reclassed"] += bool(outcome.category) and outcome.verdict is not Verdict.ADDED
            if outcome.verdict is Verdict.CORRECTED:
                self._total_iou += outcome.iou
                self._counts["polygons"] += outcome.is_polygon
            decided = self._reviews.of(shard, key, outcome.object_id)
            judged = _Judged(shard, key, outcome, 0 if decided is None else decided.number)
            if decided is None or self._is_replaced(decided.review, outcome):
                self._to_write.append(judged)
            else:
                self._compare(judged, decided.review)

    def _is_replaced(self, stands: Review, outcome: Outcome) -> bool:
        return stands.verdict is Verdict.WITHDRAWN or (self._spec.replace and not _says(stands, outcome))

    def _compare(self, judged: _Judged, stands: Review) -> None:
        """Count a decision that the run has: it says the same, or it is in the way."""
        outcome = judged.outcome
        if _says(stands, outcome):
            self._counts["already"] += 1
            return
        self._num_conflicts += 1
        if len(self._conflicts) < _MOST_CONFLICTS:
            self._conflicts.append(
                Conflict(judged.key, outcome.object_id, outcome.verdict, stands.verdict, stands.reviewer)
            )

    def _put(self, judged: _Judged, now: datetime) -> Review | None:
        """Write a decision; the one of somebody who was first in the meantime, if there is one."""
        outcome, mask = judged.outcome, None
        if outcome.rle:
            height, width = self._images.size_of(judged.key)
            mask = ReviewMask(height, width, outcome.rle, self._origin)
        review = Review(
            shard=judged.shard,
            sample_key=judged.key,
            object_id=outcome.object_id,
            verdict=outcome.verdict,
            reviewer=self._spec.reviewer,
            time=now,
            decision=uuid.uuid4().hex,
            attempt=self._images.records[judged.shard].attempt,
            mask=mask,
            iou=outcome.iou if outcome.verdict is Verdict.CORRECTED else None,
            category=outcome.category or None,
        )
        try:
            self._reviews.put(review, judged.after)
        except ReviewConflictError as error:
            return error.first.review
        return None

    def _report(self, note: str) -> None:
        if self._on_progress is not None:
            self._on_progress(ProgressReport(self._verdicts.total(), note=note))


def _says(review: Review, outcome: Outcome) -> bool:
    """Whether a decision says of an object what the file says, whoever made it and how."""
    mask = b"" if review.mask is None else review.mask.rle
    if review.verdict is Verdict.REJECTED:
        return outcome.verdict is Verdict.REJECTED
    return (review.verdict, mask, review.category or "") == (outcome.verdict, outcome.rle, outcome.category)

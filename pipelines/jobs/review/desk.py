"""What a reviewer sees of a run and does to it; the page asks for it, and this knows nothing of pages."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from actors.labelling.object_sessions import DecodedSample
from actors.specs.review import ReviewSpec
from infra import rle
from infra.errors import InfraError
from infra.json_text import JsonValue
from infra.reduced_rle import decode_reduced
from infra.runs.commit import CommitRecord
from infra.runs.reviews import LOCKED, Clicked, Decided, Review, ReviewMask, Reviews, Verdict, digest_of
from infra.runs.run_directory import RunDirectory
from infra.shards.sample import Sample
from infra.storage.create_probe import honours_condition
from infra.storage.files import Storage, join
from mfp.clicks import Click
from pipelines.errors import OptionError
from pipelines.jobs.review.corrections import Answer, Corrections, StartingMask
from pipelines.jobs.review.mask_runs import KeptRuns, runs_of
from pipelines.jobs.review.orders import OrderName, in_order
from pipelines.jobs.review.run_rows import RunRow, RunRows
from pipelines.jobs.review.samples import Samples

Shown: TypeAlias = Literal["open", "decided", "all"]
REFRESH_SECONDS = 20.0
"""The folder of decisions is listed once in this time at most."""
_JPEG_QUALITY = 92
_LONGEST_JPEG = 65_500  # pixels; JPEG itself ends at 65,535, libjpeg here


@dataclass(frozen=True)
class Place:
    """An object of the run, or one that a reviewer adds to a sample of it."""

    shard: str
    sample_key: str
    object_id: str

    @property
    def digest(self) -> str:
        """As of its decisions."""
        return digest_of(self.shard, self.sample_key, self.object_id)


@dataclass(frozen=True)
class Decision:
    """What a reviewer wants to be kept.

    Attributes:
        place: what it is about.
        after: the number of the decision that it replaces; 0: there is none.
        decision: its own token; the same again is the same decision.
        verdict: ACCEPTED, REJECTED or WITHDRAWN; CORRECTED or ADDED if there are clicks.
        reviewer: who decides.
        clicks: in pixels of the image that is worked on.
        category: the class; None: it stays what it is.
    """

    place: Place
    after: int
    decision: str
    verdict: Verdict
    reviewer: str
    clicks: tuple[Click, ...] = ()
    category: str | None = None


class Desk:
    """One run under review. Safe to use from several threads."""

    def __init__(self, spec: ReviewSpec, storage: Storage) -> None:
        """Read the run and the decisions there are.

        Raises:
            OptionError: data set, click log or start are others now.
            InfraError: they, the run or the decisions cannot be read.
        """
        self._spec = spec
        self.run = RunDirectory(spec.run, storage)
        self._corrections = Corrections(self.run, trust_model_code=spec.trust_model_code)
        self._past = self._corrections.past
        self._rows = RunRows(self.run)
        self._samples = Samples(self._past.manifest, storage)
        self._reviews = Reviews(self.run)
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._trouble = ""
        self._refreshing = threading.Lock()
        self._ordered: dict[OrderName, list[RunRow]] = {}
        self._categories: set[str] = set()
        self._runs = KeptRuns()
        self._every_sample: dict[str, list[str]] = {}  # keys of the samples of a shard, once somebody asked
        self._rows.refresh()
        for shard in self._rows.shards[:1]:
            self._corrections.load(self._record_of(shard).model_id)
        self.refresh()

    @property
    def tells_rivals_apart(self) -> bool:
        """Whether the storage keeps two reviewers from writing over each other. StorageError if it does not answer."""
        return honours_condition(self.run.storage, join(self.run.url, "reviews"))

    def overview(self) -> dict[str, JsonValue]:
        """The run, how far its review is, and what can be chosen."""
        self._refresh_beside()
        verdicts = Counter(str(one.review.verdict) for one in self._reviews.all())
        num_objects = len(self._rows.all())
        categories: list[JsonValue] = [*sorted(self._categories)]
        in_run = sum(self._rows.of(one.review.digest) is not None for one in self._decided())
        return {
            "run": self.run.url,
            "model": self._past.record.spec.model.name,
            "backend": self._past.backend,
            "objects": num_objects,
            "open": num_objects - in_run,
            "verdicts": {**verdicts},
            "categories": categories,
            "trouble": self._trouble,
            "whole": len(self._rows.shards) == self._past.record.dataset.num_shards,
        }

    def queue(self, order: OrderName, shown: Shown, first: int, count: int) -> dict[str, JsonValue]:
        """`count` objects from the `first`-th on of those that are shown, in that order, and how many there are."""
        self._refresh_beside()
        rows = [row for row in self._in_order(order) if self._is_shown(row.digest, shown)]
        added: list[Decided] = []
        if shown != "open":
            added = [one for one in self._decided() if self._rows.of(one.review.digest) is None]
            added.sort(key=lambda one: one.review.time)
        listed: list[JsonValue] = [self._listed(row) for row in rows[first : first + count]]
        past_rows = max(0, first - len(rows))
        room = count - len(listed)
        listed += [self._listed_added(one) for one in added[past_rows : past_rows + room]]
        return {"total": len(rows) + len(added), "first": first, "objects": listed}

    def images(self, first: int, count: int) -> dict[str, JsonValue]:
        """Samples of the committed shards, those of which the run has no object first.

        Objects that people add are counted, and change no place: whoever reads on misses no image. The first call reads
        every shard.
        """
        self._refresh_beside()
        for shard in self._rows.shards:
            if shard not in self._every_sample:
                self._every_sample[shard] = [sample.key for sample in self._samples.read(shard)]
        names = [(shard, key) for shard in self._rows.shards for key in self._every_sample[shard]]
        num_added = Counter(
            (one.review.shard, one.review.sample_key) for one in self._decided() if self._is_added(one)
        )
        names.sort(key=lambda name: bool(self._rows.of_sample(*name)))
        listed: list[JsonValue] = [
            {"shard": name[0], "key": name[1], "objects": len(self._rows.of_sample(*name)) + num_added[name]}
            for name in names[first : first + count]
        ]
        return {"total": len(names), "first": first, "images": listed}

    def image(self, shard: str, key: str) -> tuple[bytes, str]:
        """The image of a sample as it is worked on, and its media type; PNG if it is too long for JPEG."""
        image = self._decoded(shard, key).image
        suffix, media_type = (
            (".png", "image/png") if max(image.shape) > _LONGEST_JPEG else (".jpg", "image/jpeg")
        )
        done, encoded = cv2.imencode(suffix, image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        assert done, "OpenCV encodes every RGB image"
        return bytes(encoded), media_type

    def shown(self, place: Place) -> dict[str, JsonValue]:
        """An object: its mask in the run, what was decided, and the others on its image."""
        decoded = self._decoded(place.shard, place.sample_key)
        height, width = decoded.size.shape
        row, decided = (
            self._rows.of(place.digest),
            self._reviews.of(place.shard, place.sample_key, place.object_id),
        )
        mask = np.zeros((height, width), np.bool_) if row is None else self._mask_of(row, decoded)
        return {
            "shard": place.shard,
            "key": place.sample_key,
            "id": place.object_id,
            "digest": place.digest,
            "height": height,
            "width": width,
            "in_run": row is not None,
            "quality": None if row is None else row.quality,
            "iou": None if row is None else row.iou,
            "num_clicks": None if row is None else row.num_clicks,
            "category": self._category_of(place, decoded.sample),
            "mask": runs_of(mask),
            "decided": None if decided is None else self._told(decided, decoded),
            "others": list(self._others(place, decoded)),
        }

    def answer(self, place: Place, clicks: Sequence[Click]) -> dict[str, JsonValue]:
        """What the model makes of clicks on the mask of the run, or on nothing if the object is not in it."""
        began = time.perf_counter()
        answer = self._answer(place, clicks)
        return {
            "mask": runs_of(answer.mask),
            "quality": answer.quality,
            "area": int(np.count_nonzero(answer.mask)),
            "seconds": time.perf_counter() - began,
        }

    def probabilities(self, place: Place, clicks: Sequence[Click]) -> bytes:
        """(h, w) uint8, row by row: the probability map behind a mask, 255 is 1.

        Raises:
            OptionError: there is none: why.
        """
        if clicks:
            prob = self._answer(place, clicks).prob
        else:
            found = self._corrections.map_of_run(place.shard, (place.sample_key, place.object_id))
            if isinstance(found, str):
                raise OptionError(found)
            prob = found
        return np.rint(prob * 255).astype(np.uint8).tobytes()

    def decide(self, decision: Decision) -> dict[str, JsonValue]:
        """Make a decision durable; what is told of it afterwards.

        If the clicks are those of the decision that is replaced, its mask stays as it is: the person has seen that
        one, and another model, backend or processor may make another one of the same clicks. An imported mask, which
        has no clicks, stays so if it is accepted.

        Raises:
            OptionError: neither the run nor a decision has a mask of the object.
            ReviewConflictError: somebody else was first.
            StorageError: nobody knows whether it was stored: send the same again.
            PipelineError, InfraError, MfpError: the clicks cannot be made.
        """
        place, row = decision.place, self._rows.of(decision.place.digest)
        decoded = self._decoded(place.shard, place.sample_key)
        newest = self._reviews.of(place.shard, place.sample_key, place.object_id)
        if newest is not None and newest.review.decision == decision.decision:
            return self._told(newest, decoded)  # sent again: it had arrived
        mask, iou, verdict = self._mask_to_keep(decision, newest, decoded), None, decision.verdict
        needs_mask = verdict is Verdict.ACCEPTED or not self._reviews.is_decided(place.digest)
        if row is None and mask is None and needs_mask:
            raise OptionError(
                f"the run has no object {place.object_id!r} in sample {place.sample_key!r}: click on it first"
            )
        if mask is not None:
            verdict = Verdict.ADDED if row is None else Verdict.CORRECTED
        if row is not None and mask is not None:
            iou = 1 - rle.distance(self._rows.rle(row), mask.rle, mask.height, mask.width)
        review = Review(
            shard=place.shard,
            sample_key=place.sample_key,
            object_id=place.object_id,
            verdict=verdict,
            reviewer=decision.reviewer or self._spec.reviewer,
            time=datetime.now(UTC),
            decision=decision.decision,
            attempt=self._record_of(place.shard).attempt,
            mask=mask,
            iou=iou,
            category=decision.category,
        )
        decided = self._reviews.put(review, decision.after)
        if decision.category:
            self._categories.add(decision.category)
        return self._told(decided, decoded)

    def _mask_to_keep(
        self, decision: Decision, newest: Decided | None, decoded: DecodedSample
    ) -> ReviewMask | None:
        """The mask of a decision; None: it takes that of the run, or none."""
        if decision.verdict in {Verdict.REJECTED, Verdict.WITHDRAWN}:
            return None
        mask = None if newest is None or newest.number != decision.after else newest.review.mask
        if mask is not None and tuple(_clicks_of(mask, decoded)) == decision.clicks:
            return mask
        return self._answer(decision.place, decision.clicks).stored if decision.clicks else None

    def _answer(self, place: Place, clicks: Sequence[Click]) -> Answer:
        sample, row = self._samples.get(place.shard, place.sample_key), self._rows.of(place.digest)
        start = None if row is None else StartingMask(self._rows.rle(row), row.height, row.width)
        return self._corrections.answer(
            place.digest, place.shard, sample, self._record_of(place.shard).model_id, start, clicks
        )

    def _record_of(self, shard: str) -> CommitRecord:
        """The commit of a shard. Its model clicks, also on rows that were taken over from another run."""
        record = self._rows.record_of(shard)
        if record is None:
            raise OptionError(f"shard {shard} is not committed: nothing can be clicked on its images yet")
        return record

    def _decoded(self, shard: str, key: str) -> DecodedSample:
        return self._corrections.decode(shard, self._samples.get(shard, key))

    def _mask_of(self, row: RunRow, decoded: DecodedSample) -> npt.NDArray[np.bool_]:
        size = decoded.size
        return decode_reduced(self._rows.rle(row), size.height, size.width, size.reduction)

    def _told(self, decided: Decided, decoded: DecodedSample) -> dict[str, JsonValue]:
        review = decided.review
        clicks: list[JsonValue] = []
        mask: list[JsonValue] | None = None
        if review.mask is not None:
            clicks = [[click.y, click.x, click.is_foreground] for click in _clicks_of(review.mask, decoded)]
            mask = runs_of(_working(review.mask, decoded))
        return {
            "number": decided.number,
            "verdict": str(review.verdict),
            "reviewer": review.reviewer,
            "time": review.time.isoformat(timespec="seconds"),
            "decision": review.decision,
            "clicks": clicks,
            "mask": mask,
            "quality": _quality(review.mask),
            "iou": review.iou,
            "category": review.category,
        }

    def _others(self, place: Place, decoded: DecodedSample) -> Iterator[JsonValue]:
        """The masks of the other objects of the sample, as they are after review."""
        for row in self._rows.of_sample(place.shard, place.sample_key):
            decided = self._reviews.of(row.shard, row.sample_key, row.object_id)
            if row.digest == place.digest or (decided and decided.review.verdict is Verdict.REJECTED):
                continue
            yield {
                "id": row.object_id,
                "digest": row.digest,
                "mask": self._runs_after_review(row, decided, decoded),
            }
        for one in self._decided():
            review = one.review
            is_here = (review.shard, review.sample_key) == (place.shard, place.sample_key)
            if is_here and self._is_added(one) and review.digest != place.digest and review.mask is not None:
                yield {
                    "id": review.object_id,
                    "digest": review.digest,
                    "mask": self._runs_after_review(None, one, decoded),
                }

    def _runs_after_review(
        self, row: RunRow | None, decided: Decided | None, decoded: DecodedSample
    ) -> list[JsonValue]:
        """As `runs_of`, of the mask that counts. Kept: each object of a crowded image asks for those of all others."""
        if decided is not None:
            name = decided.review.digest, decided.number
        else:
            assert row is not None, "an object that was added has a decision"
            name = row.digest, 0

        def pixels() -> npt.NDArray[np.bool_]:
            mask = decided.review.mask if decided else None
            if mask is not None:
                return _working(mask, decoded)
            assert row is not None, "an object that was added has a mask"
            return self._mask_of(row, decoded)

        return self._runs.of(name, pixels)

    def _category_of(self, place: Place, sample: Sample) -> str:
        """The class by the data set; "" if it says none."""
        for truth in sample.objects:
            value = truth.attributes.get(self._spec.category)
            if value is not None:
                self._categories.add(str(value))
        of_object = {truth.object_id: truth.attributes for truth in sample.objects}
        name = self._spec.category
        value = of_object.get(place.object_id, {}).get(name, sample.attributes.get(name))
        return "" if value is None else str(value)

    def _listed(self, row: RunRow) -> JsonValue:
        decided = self._reviews.of(row.shard, row.sample_key, row.object_id)
        return {
            "shard": row.shard,
            "key": row.sample_key,
            "id": row.object_id,
            "digest": row.digest,
            "quality": row.quality,
            "verdict": None if decided is None else str(decided.review.verdict),
        }

    def _listed_added(self, decided: Decided) -> JsonValue:
        review = decided.review
        return {
            "shard": review.shard,
            "key": review.sample_key,
            "id": review.object_id,
            "digest": review.digest,
            "quality": _quality(review.mask),
            "verdict": str(review.verdict),
        }

    def _decided(self) -> list[Decided]:
        return [one for one in self._reviews.all() if one.review.verdict is not Verdict.WITHDRAWN]

    def _is_added(self, decided: Decided) -> bool:
        return decided.review.verdict in LOCKED and self._rows.of(decided.review.digest) is None

    def _is_shown(self, digest: str, shown: Shown) -> bool:
        return shown == "all" or (self._reviews.is_decided(digest) == (shown == "decided"))

    def _in_order(self, order: OrderName) -> list[RunRow]:
        with self._lock:
            if order not in self._ordered:
                self._ordered[order] = in_order(self._rows.all(), order, self._spec.seed)
            return self._ordered[order]

    def refresh(self) -> None:
        """Read what others have decided, and what the run has done since.

        Raises:
            InfraError: run or decisions cannot be read.
        """
        with self._refreshing:
            if len(self._rows.shards) < self._past.record.dataset.num_shards:
                self._rows.refresh()
                with self._lock:
                    self._ordered.clear()
            self._reviews.refresh()
            self._categories |= {one.review.category for one in self._reviews.all() if one.review.category}
            self._reviews.pack()
            self._read_at = time.monotonic()

    def _refresh_beside(self) -> None:
        """Have that done by a thread of its own, unless it was done a moment ago or is being done."""

        def refresh() -> None:
            try:
                self.refresh()
                self._trouble = ""
            except InfraError as error:
                self._trouble = str(error)

        if time.monotonic() - self._read_at > REFRESH_SECONDS and not self._refreshing.locked():
            threading.Thread(target=refresh, name="refresh", daemon=True).start()


def _quality(mask: ReviewMask | None) -> float | None:
    """The IoU that a model expects of a mask; None if none has seen it."""
    return mask.origin.quality if mask is not None and isinstance(mask.origin, Clicked) else None


def _clicks_of(mask: ReviewMask, decoded: DecodedSample) -> Iterator[Click]:
    """The clicks that made a mask, in pixels of the image that is worked on; none if it was imported."""
    clicks = mask.origin.clicks if isinstance(mask.origin, Clicked) else ()
    return (decoded.size.to_working(Click(one.y, one.x, one.is_foreground)) for one in clicks)


def _working(mask: ReviewMask, decoded: DecodedSample) -> npt.NDArray[np.bool_]:
    return decode_reduced(mask.rle, mask.height, mask.width, decoded.size.reduction)

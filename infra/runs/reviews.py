"""What people have decided about the masks of a run, in files of its directory: one for each decision.

`reviews/<digest of the object>-<number>.json`: the first decision on an object is number 1, and the one that replaces
decision n is number n + 1. A file is created by exactly one of all who try and never written over. So nobody who
decides on an object replaces a decision that they have not seen.

Many small files take long to read one by one. Whoever has read many puts copies of them together into a pack,
`reviews/pack-<token>.json.gz`, for those who come later. Packs decide nothing: an entry counts if its file is there.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import threading
import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeAlias

from annotated_types import Ge, Interval
from pydantic import AwareDatetime

from infra import rle
from infra.errors import InfraError, RunDirectoryError
from infra.runs.run_directory import RunDirectory
from infra.storage.create_once import create_or_read
from infra.storage.files import basename, join
from infra.strict_json import from_bytes, to_json

REVIEWS_FOLDER: Final = "reviews"
ObjectName: TypeAlias = tuple[str, str]
"""Sample key and object id."""
_PACK = re.compile(r"pack-[0-9a-f]{32}\.json\.gz")
_WORTH_PACKING = 1000  # files that were read one by one
_MOST_IN_PACK = 20_000  # decisions
_MOST_BYTES_OF_PACK = 2**28  # unpacked; one that has more is no pack of ours
_NAME = re.compile(r"([0-9a-f]{32})-([1-9][0-9]*)\.json")
_READ_THREADS = 16


class Verdict(StrEnum):
    """What a person decided about an object.

    The mask of the run is right (ACCEPTED); another takes its place (CORRECTED); there is no such object, or nothing to
    make of its mask (REJECTED); the run has missed the object (ADDED); the decision before is taken back, as if nobody
    had decided (WITHDRAWN).
    """

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    REJECTED = "rejected"
    ADDED = "added"
    WITHDRAWN = "withdrawn"


LOCKED: Final = frozenset({Verdict.ACCEPTED, Verdict.CORRECTED, Verdict.ADDED})
"""Decisions that a mask rests on: it is never overwritten."""


@dataclass(frozen=True)
class ReviewClick:
    """One click of a person; `y`, `x`: image pixels."""

    y: float
    x: float
    is_foreground: bool


@dataclass(frozen=True)
class Clicked:
    """A mask that a person made by clicking.

    Attributes:
        start: what the first click was made on: `mask`, that of the run, whose changes were local; or `nothing`.
        clicks: all of them since, in their order; each was looked at.
        model_id: the model that answered.
        backend, threads: what ran it, and on how many threads. With the same ones the clicks give the same mask.
        quality: the IoU that the last answer expects, in [0, 1].
    """

    start: Literal["mask", "nothing"]
    clicks: tuple[ReviewClick, ...]
    model_id: str
    backend: str
    threads: Annotated[int, Ge(1)]
    quality: Annotated[float, Interval(ge=0, le=1)]

    def __post_init__(self) -> None:
        if not self.clicks:
            raise ValueError("a mask without a click")


@dataclass(frozen=True)
class Imported:
    """A mask that a person made in another program; `source` is the file that it came in, `format` that of the file."""

    source: str
    format: str


@dataclass(frozen=True)
class ReviewMask:
    """A mask that a person made.

    Attributes:
        height, width: of the image, pixels.
        rle: COCO compressed counts (column-major).
        origin: how it was made.
    """

    height: Annotated[int, Ge(1)]
    width: Annotated[int, Ge(1)]
    rle: bytes
    origin: Clicked | Imported

    def __post_init__(self) -> None:
        rle.run_lengths(self.rle, self.height, self.width)


@dataclass(frozen=True, kw_only=True)
class Review:
    """One decision.

    Attributes:
        shard, sample_key, object_id: what it is about. An object that was added has an id of its own.
        verdict: what was decided.
        reviewer: who decided.
        time: when, by the clock of the server.
        decision: drawn anew for each decision: tells a file that was written twice from a rival's.
        attempt: of the commit whose row was looked at; of an added object, that of its shard.
        mask: of a corrected or an added object; None for the others.
        iou: of the corrected mask with that of the run, in [0, 1]; None for the others.
        category: the class that the person gave; None: the object keeps the one that the data set says.
    """

    shard: str
    sample_key: str
    object_id: str
    verdict: Verdict
    reviewer: str
    time: AwareDatetime
    decision: str
    attempt: str
    mask: ReviewMask | None = None
    iou: Annotated[float, Interval(ge=0, le=1)] | None = None
    category: str | None = None

    def __post_init__(self) -> None:
        if (self.mask is not None) != (self.verdict in {Verdict.CORRECTED, Verdict.ADDED}):
            raise ValueError(f"{self.verdict} {'needs a' if self.mask is None else 'takes no'} mask")
        if (self.iou is not None) != (self.verdict is Verdict.CORRECTED):
            raise ValueError(f"{self.verdict} {'needs an' if self.iou is None else 'takes no'} IoU")

    @property
    def name(self) -> ObjectName:
        """Sample key and object id."""
        return self.sample_key, self.object_id

    @property
    def digest(self) -> str:
        """What the files of the object's decisions are called: 32 hexadecimal digits."""
        return digest_of(self.shard, self.sample_key, self.object_id)


@dataclass(frozen=True)
class Decided:
    """A decision that is in the run, and its number among those on the object."""

    review: Review
    number: int


class ReviewConflictError(InfraError):
    """Somebody else has decided on an object in the meantime; `first` is their decision."""

    def __init__(self, first: Decided) -> None:
        review = first.review
        super().__init__(
            f"{review.reviewer} was first: object {review.object_id!r} of sample {review.sample_key!r} is "
            f"{review.verdict} since {review.time:%Y-%m-%d %H:%M:%S} UTC; look at it, and decide again"
        )
        self.first = first

    def __reduce__(self) -> tuple[type[ReviewConflictError], tuple[Decided]]:
        # the default would rebuild it from the message
        return type(self), (self.first,)


_Pack: TypeAlias = tuple[tuple[int, Review], ...]
_PACK_TYPE: Any = _Pack  # the codec takes types of values; mypy calls this one an alias


def digest_of(shard: str, sample_key: str, object_id: str) -> str:
    """Return what the files of an object's decisions are called."""
    name = json.dumps([shard, sample_key, object_id])
    return hashlib.sha256(name.encode()).hexdigest()[:32]


class Reviews:
    """The decisions on the objects of a run: read once, and afterwards only what is new.

    One thread may refresh and pack while others decide and look.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._folder = join(run.url, REVIEWS_FOLDER)
        self._latest: dict[str, Decided] = {}
        self._keeping = threading.Lock()
        self._packs: set[str] = set()  # that were read
        self._alone: list[Decided] = []  # read one by one

    def refresh(self) -> None:
        """List the folder, and of every object read the newest decision if it was not read before.

        Raises:
            RunDirectoryError: a file is no review.
            StorageError: the folder cannot be listed or read.

        """
        newest: dict[str, int] = {}
        packs: list[str] = []
        for url in self._run.storage.list(self._folder):
            name = basename(url)
            if found := _NAME.fullmatch(name):
                newest[found[1]] = max(newest.get(found[1], 0), int(found[2]))
            elif _PACK.fullmatch(name) and name not in self._packs:
                packs.append(url)
        if self._new(newest):
            for url in packs:
                self._read_pack(url, newest)
        with ThreadPoolExecutor(_READ_THREADS) as pool:
            for decided in pool.map(lambda one: self._read(*one), self._new(newest)):
                self._keep(decided)
                self._alone.append(decided)

    def pack(self) -> None:
        """Put what was read one by one together, if that is much, for who reads the decisions next.

        Raises:
            StorageError: it cannot be written.

        """
        if len(self._alone) < _WORTH_PACKING:
            return
        for first in range(0, len(self._alone), _MOST_IN_PACK):
            self._write_pack(self._alone[first : first + _MOST_IN_PACK])
        self._alone.clear()

    def _write_pack(self, decisions: Sequence[Decided]) -> None:
        entries = [[decided.number, to_json(decided.review)] for decided in decisions]
        name = f"pack-{uuid.uuid4().hex}.json.gz"
        self._run.storage.write_bytes(
            join(self._folder, name), gzip.compress(json.dumps(entries).encode(), compresslevel=6)
        )
        self._packs.add(name)

    def _new(self, newest: Mapping[str, int]) -> list[tuple[str, int]]:
        return [(digest, number) for digest, number in newest.items() if number > self._number_of(digest)]

    def _read_pack(self, url: str, newest: Mapping[str, int]) -> None:
        """Take what counts of a pack; one that cannot be read is left aside: it holds nothing but copies."""
        self._packs.add(basename(url))
        try:
            with gzip.open(io.BytesIO(self._run.storage.read_bytes(url))) as stream:
                data = stream.read(_MOST_BYTES_OF_PACK)
            entries: _Pack = from_bytes(_PACK_TYPE, data)
        except (ValueError, OSError, EOFError, zlib.error):
            return
        for number, review in entries:
            if newest.get(review.digest) == number:
                self._keep(Decided(review, number))

    def all(self) -> Iterable[Decided]:
        """The newest decision on every object that was ever decided on, also those that were taken back."""
        return list(self._latest.values())

    def of(self, shard: str, sample_key: str, object_id: str) -> Decided | None:
        """The newest decision on an object that is known here; None: there is none."""
        return self._latest.get(digest_of(shard, sample_key, object_id))

    def is_decided(self, digest: str) -> bool:
        """Whether the newest decision on an object, by its digest, stands: there is one, and it was not taken back."""
        found = self._latest.get(digest)
        return found is not None and found.review.verdict is not Verdict.WITHDRAWN

    def put(self, review: Review, after: int) -> Decided:
        """Make a decision durable, in the place of decision `after` on the object; 0: it has none yet.

        One put. The same review again, told by its `decision`, is no conflict: whoever does not know whether it has
        arrived may repeat it.

        Raises:
            ReviewConflictError: there is a later decision of somebody else; it names the newest one.
            RunDirectoryError: there is no decision `after`; one on top of it would hide those that are made in between.
            StorageError: it is not known whether the decision was stored: repeat it.

        """
        if after > self._number_of(review.digest) and not self._run.storage.exists(
            self._url(review.digest, after)
        ):
            raise RunDirectoryError(
                f"there is no decision {after} on object {review.object_id!r} of sample {review.sample_key!r}: look at "
                "the object again"
            )
        number = after + 1
        url = self._url(review.digest, number)
        existing = create_or_read(self._run.storage, url, json.dumps(to_json(review)).encode())
        decided = Decided(review if existing is None else _parse(url, existing), number)
        self._keep(decided)
        if decided.review.decision != review.decision:
            raise ReviewConflictError(self._newest_from(decided))
        return decided

    def _newest_from(self, decided: Decided) -> Decided:
        """The newest decision on an object of which an older one is known."""
        digest = decided.review.digest
        while self._run.storage.exists(self._url(digest, decided.number + 1)):
            decided = self._read(digest, decided.number + 1)
            self._keep(decided)
        return decided

    def _keep(self, decided: Decided) -> None:
        with self._keeping:
            if decided.number > self._number_of(decided.review.digest):
                self._latest[decided.review.digest] = decided

    def _number_of(self, digest: str) -> int:
        return self._latest[digest].number if digest in self._latest else 0

    def _read(self, digest: str, number: int) -> Decided:
        url = self._url(digest, number)
        review = _parse(url, self._run.storage.read_bytes(url))
        if review.digest != digest:
            raise RunDirectoryError(
                f"{url} is a review of object {review.object_id!r} of sample {review.sample_key!r} under another "
                "name: delete it"
            )
        return Decided(review, number)

    def _url(self, digest: str, number: int) -> str:
        return join(self._folder, f"{digest}-{number}.json")


def read_reviews(run: RunDirectory) -> Mapping[ObjectName, Review]:
    """Return the newest decision on every object of a run that somebody has decided on.

    Raises:
        RunDirectoryError: a file is no review.
        StorageError: the folder cannot be listed or read.

    """
    reviews = Reviews(run)
    reviews.refresh()
    decided = (one.review for one in reviews.all())
    return {review.name: review for review in decided if review.verdict is not Verdict.WITHDRAWN}


def _parse(url: str, data: bytes) -> Review:
    try:
        return from_bytes(Review, data)
    except ValueError as error:
        raise RunDirectoryError(
            f"{url} is no review of this version ({error}): restore it, or delete it to have the object reviewed again"
        ) from None

"""The identity of a data set by the content of its images and masks, whatever its shards, keys, ids and order.

Each sample has a SHA-256; a digest is their sum modulo 2**256. So the digests of shards add up to that of the data set
however the samples were spread, and a sample that is there twice counts twice. It tells data sets apart that nobody
has made to collide: a sum of hashes is no signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from infra.shards.sample import QuarantinedSample, Sample

_MODULUS = 2**256


@dataclass(frozen=True)
class ContentDigest:
    """The sum over some samples, in [0, 2**256)."""

    value: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.value < _MODULUS:
            raise ValueError(f"a digest of {self.value}: must lie in [0, 2**256)")

    @classmethod
    def of(cls, item: Sample | QuarantinedSample) -> ContentDigest:
        """Of one sample, or of a record that one, or an object of one, cannot be used.

        A sample counts by the bytes of its encoded image, the run-length encodings of its objects in the order of
        their bytes, and that of its ignored pixels. A record counts by its reason: what is not whole never has the
        digest of what is.
        """
        if isinstance(item, QuarantinedSample):
            return cls(_number([b"set aside", item.reason.value.encode()]))
        ignored = [] if item.ignore_rle is None else [b"ignored", item.ignore_rle]
        return cls(_number([item.image_bytes, *sorted(truth.rle for truth in item.objects), *ignored]))

    @classmethod
    def from_hex(cls, digits: str) -> ContentDigest:
        """Read 64 hexadecimal digits. ValueError if they are not."""
        digest = cls(int(digits, 16))
        if str(digest) != digits:  # int takes signs and underscores too
            raise ValueError(f"a digest {digits!r}: has 64 hexadecimal digits")
        return digest

    def __add__(self, other: ContentDigest) -> ContentDigest:
        return ContentDigest((self.value + other.value) % _MODULUS)

    def __str__(self) -> str:
        return f"{self.value:064x}"


NO_CONTENT = ContentDigest()
"""Of no sample at all."""


def total(digests: Iterable[ContentDigest]) -> ContentDigest:
    """The digest of all samples together."""
    return sum(digests, NO_CONTENT)


def _number(parts: Iterable[bytes]) -> int:
    digest = hashlib.sha256()
    for piece in _framed(parts):
        digest.update(piece)
    return int.from_bytes(digest.digest(), "big")


def _framed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Each part behind its length, so that no two lists of parts are one text."""
    for part in parts:
        yield len(part).to_bytes(8, "big")
        yield part

"""Which masks of a run a random audit looks at."""

from __future__ import annotations

import hashlib
import json


def object_digest(shard: str, sample_key: str, object_id: str) -> str:
    """32 hexadecimal digits that stand for an object of a run."""
    return hashlib.sha256(json.dumps([shard, sample_key, object_id]).encode()).hexdigest()[:32]


def audit_place(seed: int, digest: str) -> tuple[float, str]:
    """What objects are sorted by: a place at random that depends on the object and the seed alone.

    So a larger audit with the same seed holds the smaller one.
    """
    drawn = hashlib.sha256(f"{seed} {digest}".encode()).digest()
    return float(int.from_bytes(drawn[:8], "big")), digest

"""Which masks of a run a random audit looks at."""

from __future__ import annotations

import hashlib


def audit_place(seed: int, digest: str) -> tuple[float, str]:
    """What objects are sorted by: a place at random that depends on the object and the seed alone.

    So a larger audit with the same seed holds the smaller one. `digest`: `infra.runs.reviews.digest_of`.
    """
    drawn = hashlib.sha256(f"{seed} {digest}".encode()).digest()
    return float(int.from_bytes(drawn[:8], "big")), digest

"""Where the seconds of a run's workers went, as people and programs are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from infra.json_text import JsonValue
from infra.runs.time_spent import TimeSpent

_OF_ENGINE = {
    "network": "network passes",
    "clicking": "the rest of clicking: crops, regions, distances, metrics, masks as RLE",
    "opening": "opening sessions: masks of objects decoded",
    "rows": "rows into Parquet",
    "waiting": "waiting for decoded images",
}
_BESIDE = {
    "reading": "reading shards",
    "decoding": "decoding images",
    "storing": "storing parts",
}


@dataclass(frozen=True)
class TimeShare:
    """Seconds of all workers that went into one part of `TimeSpent`.

    Attributes:
        part: its name.
        words: what it is, for people.
        seconds: of all committed shards.
        share: of the time of the engines' threads; None if that is 0. What other threads do beside may be more than 1.
    """

    part: str
    words: str
    seconds: float
    share: float | None


@dataclass(frozen=True)
class TimeShares:
    """All parts: of the engines' threads, whose shares add up to 1, and of the threads beside them."""

    of_engine: Sequence[TimeShare]
    beside: Sequence[TimeShare]

    @classmethod
    def of(cls, spent: TimeSpent) -> TimeShares:
        """The parts of a sum over shards."""
        return cls(_shares(spent, _OF_ENGINE), _shares(spent, _BESIDE))

    def in_words(self) -> str:
        """One line; empty if the engines have spent no time."""
        if self.of_engine[0].share is None:
            return ""
        of_engine, beside = (
            ", ".join(f"{one.part} {one.share:.0%}" for one in shares)
            for shares in (self.of_engine, self.beside)
        )
        return f"time of the engine: {of_engine}; meanwhile: {beside}"

    def to_json(self) -> dict[str, JsonValue]:
        """Seconds and share of each part, by its name."""
        return {
            one.part: {"seconds": one.seconds, "share": one.share} for one in (*self.of_engine, *self.beside)
        }


def _shares(spent: TimeSpent, words: dict[str, str]) -> list[TimeShare]:
    seconds = asdict(spent)
    return [
        TimeShare(part, said, seconds[part], seconds[part] / spent.engine if spent.engine else None)
        for part, said in words.items()
    ]

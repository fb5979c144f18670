"""`decided.json`: why an evaluation ended before its last shard, see `until_decided`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from infra.errors import RunDirectoryError
from infra.storage.files import Storage, join
from infra.strict_json import from_bytes, to_bytes

DECIDED_FILE = "decided.json"


class Verdict(StrEnum):
    """What is decided of the later run."""

    BETTER = "better"
    WORSE = "worse"
    EQUAL = "equal"


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What was decided of a run against `base_run`.

    Attributes:
        low, high: of the confidence sequence of the mean difference of `figure`, in clicks: this run less the other.
        alpha: the probability at most that any interval of the sequence misses that difference.
        margin: the verdict is EQUAL if no difference in the interval is larger; 0: nothing is called equal.
        shards_used: those the verdict rests on, the first of the random order; `num_shards` are in the data set.
        objects_used: objects of `base_run` with truth in these shards.
        objects_saved: those in shards that were not evaluated, of `num_objects`.
    """

    verdict: Verdict
    figure: Literal["noc90"] = "noc90"
    low: float
    high: float
    alpha: Annotated[float, Interval(gt=0, lt=1)]
    margin: Annotated[float, Ge(0)]
    base_run: str
    shards_used: Annotated[int, Ge(1)]
    num_shards: Annotated[int, Ge(1)]
    objects_used: Annotated[int, Ge(0)]
    objects_saved: Annotated[int, Ge(0)]
    num_objects: Annotated[int, Ge(1)]

    def __str__(self) -> str:
        return f"decided after {self.shards_used:,} of {self.num_shards:,} shards"

    @property
    def in_words(self) -> str:
        """The verdict and what it saved, in one line."""
        return (
            f"{self}: NoC@90 is {self._verdict_in_words} ({1 - self.alpha:.0%} confidence sequence); "
            f"{self.objects_saved:,} of {self.num_objects:,} objects saved"
        )

    @property
    def _verdict_in_words(self) -> str:
        low, high = f"{self.low:.2f}", f"{self.high:.2f}"
        if self.verdict is Verdict.EQUAL:
            return f"equal to that of {self.base_run} within {self.margin:g} clicks, between {low} and {high} more"
        if self.verdict is Verdict.BETTER:
            low, high = f"{-self.high:.2f}", f"{-self.low:.2f}"
        return f"{self.verdict} than that of {self.base_run} by {low} to {high} clicks"


def write_decided(run_url: str, decided: Decided, storage: Storage) -> None:
    """Write it into the run. StorageError if that is not possible."""
    storage.write_bytes(join(run_url, DECIDED_FILE), to_bytes(decided))


def read_decided(run_url: str, storage: Storage) -> Decided | None:
    """What was decided of a run; None if nothing was. RunDirectoryError if the file cannot be understood."""
    url = join(run_url, DECIDED_FILE)
    if not storage.exists(url):
        return None
    try:
        return from_bytes(Decided, storage.read_bytes(url))
    except ValueError as error:
        raise RunDirectoryError(
            f"{url} does not say what was decided ({error}): delete it, and run mfp evaluate --until-decided again"
        ) from None


def unfinished(num_shards: int, num_expected: int, decided: Decided | None) -> str | None:
    """`unfinished: 2 of 4 shards` or `decided after 2 of 4 shards`; None for a run that has all its shards."""
    if num_shards == num_expected:
        return None
    if decided is not None:
        return str(decided)
    return f"unfinished: {num_shards:,} of {num_expected:,} shards"

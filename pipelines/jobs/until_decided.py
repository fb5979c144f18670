"""An evaluation that ends when it is decided whether its model needs more clicks than that of a finished run.

Shards are drawn at random without replacement, and after each the difference of NoC@90, object by object, is held
against the finished run by a confidence sequence (`mfp.confidence_sequence`), which may be looked at after every
shard. What is
drawn is the shard: objects of a shard may be alike. Only the beginning of the random order counts, however the workers
finish: that a quick shard is committed first must not decide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard
from infra.shards.manifest import ShardEntry
from infra.storage.files import Storage
from mfp.bootstrap import Interval
from mfp.confidence_sequence import ALPHA, DrawnPopulation, narrowed
from pipelines.inputs.run_record import LabelRecord
from pipelines.jobs.decided import Decided, Verdict, write_decided
from pipelines.jobs.measure import Measure, noc_of, read_measure


@dataclass(frozen=True)
class _Looked:
    """The confidence sequence after so many shards of the random order."""

    population: DrawnPopulation
    interval: Interval

    def after(self, at_least: float, at_most: float) -> _Looked:
        """After one more shard, whose value lies between these."""
        population = replace(
            self.population,
            at_least=np.append(self.population.at_least, at_least),
            at_most=np.append(self.population.at_most, at_most),
        )
        return _Looked(population, narrowed(self.interval, population))


class UntilDecided:
    """The plan of such an evaluation: a `ShardPlan`."""

    def __init__(self, base_run: str, margin: float, storage: Storage) -> None:
        """`margin`, in clicks: the two count as equal if they differ by no more; 0: only a difference decides."""
        self._base_run = base_run
        self._margin = margin
        self._storage = storage
        self._order: list[str] = []
        self._values: dict[str, tuple[float, float]] = {}  # by shard
        self._set_aside: set[str] = set()
        self._measure: Measure | None = None
        self._looked: _Looked | None = None

    def ordered(self, record: LabelRecord, shards: tuple[ShardEntry, ...]) -> tuple[ShardEntry, ...]:
        """The shards in random order, drawn from the seed of the run and the fingerprint of its data.

        Raises:
            OptionError: the finished run does not compare with this one; see `read_measure`.
            RunDirectoryError, MetricsError, StorageError: it cannot be read.
        """
        self._measure = measure = read_measure(self._base_run, record, self._storage)
        names = random_order([shard.name for shard in shards], record.spec.seed, record.dataset.fingerprint)
        by_name = {shard.name: shard for shard in shards}
        self._order = names
        bounds = np.array([measure.bounds(name) for name in names])
        none = np.zeros(0)
        population = DrawnPopulation(bounds[:, 0], bounds[:, 1], none, none)
        self._looked = _Looked(population, population.certain)
        return tuple(by_name[name] for name in names)

    def goes_on(
        self, run: RunDirectory, committed: Collection[CommitRecord], set_aside: Collection[SetAsideShard]
    ) -> bool:
        """See `ShardPlan`. A shard that is set aside counts as anything it could have been."""
        measure = self._known_measure
        for record in committed:
            self._values[record.shard] = measure.value(record.shard, noc_of(run, [record]))
            self._set_aside.discard(record.shard)
        self._set_aside |= {shard.shard for shard in set_aside}
        self._looked = self._ahead(self._values)
        # values that are known later only narrow the interval: what is decided without them stays so
        unknown = {name: measure.bounds(name) for name in self._set_aside}
        with_unknown = self._ahead(self._values | unknown)
        if self._verdict(with_unknown.interval) is not None:
            self._looked = with_unknown
        return self._verdict(self._looked.interval) is None

    def ended(self, run: RunDirectory, committed: Collection[str]) -> None:
        """Write what is decided, if shards were left out because of it."""
        looked = self._looked_at
        verdict = self._verdict(looked.interval)
        if verdict is None or len(committed) == len(self._order):
            return
        num_objects = {name: self._known_measure.num_objects(name) for name in self._order}
        used = self._order[: looked.population.num_drawn]
        decided = Decided(
            verdict=verdict,
            low=looked.interval.low,
            high=looked.interval.high,
            alpha=ALPHA,
            margin=self._margin,
            base_run=self._base_run,
            shards_used=len(used),
            num_shards=len(self._order),
            objects_used=sum(num_objects[name] for name in used),
            objects_saved=sum(num_objects[name] for name in self._order if name not in committed),
            num_objects=sum(num_objects.values()),
        )
        write_decided(run.url, decided, self._storage)

    def _ahead(self, values: Mapping[str, tuple[float, float]]) -> _Looked:
        """As far as all shards of the order are known, and no further than to a verdict."""
        looked = self._looked_at
        for name in self._order[looked.population.num_drawn :]:
            if name not in values or self._verdict(looked.interval) is not None:
                break
            looked = looked.after(*values[name])
        return looked

    def _verdict(self, interval: Interval) -> Verdict | None:
        if interval.low > 0:
            return Verdict.WORSE
        if interval.high < 0:
            return Verdict.BETTER
        is_equal = self._margin > 0 and -self._margin <= interval.low and interval.high <= self._margin
        return Verdict.EQUAL if is_equal else None

    @property
    def _known_measure(self) -> Measure:
        assert self._measure is not None, "a plan puts the shards in order first"
        return self._measure

    @property
    def _looked_at(self) -> _Looked:
        assert self._looked is not None, "a plan puts the shards in order first"
        return self._looked


def random_order(names: list[str], seed: int, fingerprint: str) -> list[str]:
    """The same order for the same shards, seed and fingerprint, and as good as independent of what is in them."""
    digest = hashlib.sha256(f"order of shards\n{seed}\n{fingerprint}".encode()).digest()
    order: NDArray[np.int64] = np.random.default_rng(int.from_bytes(digest)).permutation(len(names))
    return [names[idx] for idx in order]

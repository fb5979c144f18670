"""Rows of another run that a run takes over as they are: those that people have accepted or corrected there."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, MASKS, ClickRow, MaskRow

_SHARDS_KEPT = 2  # one ends while the next begins


@dataclass(frozen=True)
class ObjectRows:
    """The rows of one object."""

    mask: MaskRow
    clicks: list[ClickRow]


@dataclass(frozen=True)
class KeptObjects:
    """Which rows of which run are taken over.

    Attributes:
        run: its directory; "" if nothing is taken over.
        of_shard: by shard, the objects: sample keys and object ids.
    """

    run: str = ""
    of_shard: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)


NOTHING_KEPT = KeptObjects()

RowsById: TypeAlias = Mapping[str, ObjectRows]


class KeptRows:
    """The rows themselves, read a shard at a time. For one thread."""

    def __init__(self, kept: KeptObjects, run: RunDirectory) -> None:
        """`run` is the directory that `kept` names."""
        self._kept = kept
        self._run = run
        self._read: OrderedDict[str, dict[str, dict[str, ObjectRows]]] = OrderedDict()

    def of(self, shard: str, sample_key: str) -> RowsById:
        """The rows of the objects of a sample that are taken over, by object id.

        Raises:
            InfraError: the other run cannot be read.
        """
        if shard not in self._kept.of_shard:
            return {}
        if shard not in self._read:
            self._read[shard] = self._of_shard(shard)
        self._read.move_to_end(shard)
        while len(self._read) > _SHARDS_KEPT:
            self._read.popitem(last=False)
        return self._read[shard].get(sample_key, {})

    def _of_shard(self, shard: str) -> dict[str, dict[str, ObjectRows]]:
        wanted, record = self._kept.of_shard[shard], self._run.record_of(shard)
        (masks,) = self._run.read_parts(MASKS, [record])
        (clicks,) = self._run.read_parts(CLICKS, [record])
        clicks_of: dict[tuple[str, str], list[ClickRow]] = defaultdict(list)
        for click in CLICKS.to_rows(clicks):
            clicks_of[click.sample_key, click.object_id].append(click)
        rows: dict[str, dict[str, ObjectRows]] = defaultdict(dict)
        for mask in MASKS.to_rows(masks):
            name = mask.sample_key, mask.object_id
            if name in wanted:
                of_object = sorted(clicks_of[name], key=lambda click: click.click_idx)
                rows[mask.sample_key][mask.object_id] = ObjectRows(mask, of_object)
        return rows

"""One object of a run, clicked again as it was then: the maps between the clicks, which a run does not keep."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from actors.errors import ActorsError
from actors.labelling.job import object_sessions
from actors.labelling.object_sessions import DecodedSample, PlannedObject
from infra import rle
from infra.errors import InfraError
from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, MASKS
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from mfp.backends.registry import BACKENDS
from mfp.clicks import Click
from mfp.engine import Engine
from mfp.engine_settings import BackendName
from mfp.errors import MfpError
from mfp.session import LoggedClicks, Look, SessionLimits
from mfp.start import Start
from pipelines.errors import OptionError, PipelineError
from pipelines.inputs.missing_objects import no_such_object
from pipelines.jobs.relabel import ObjectName, PastRun

_WITHOUT_END = SessionLimits(max_clicks=None, target_iou=None)


@dataclass(frozen=True, eq=False)
class Replay:
    """An object of a run.

    Attributes:
        shard, sample_key, object_id, model_id: which object, and what clicked it.
        image: (H, W, 3) uint8 RGB, at the size that it was worked on.
        truth: (H, W) int8: 1 object, 0 background, -1 ignore; None if it is not known.
        start: what it started from, in pixels of `image`.
        mask: (H, W) bool, that of the run.
        clicks: of the run, in pixels of `image`.
        ious: after each click, in [0, 1]; None if that is not known.
        iou, quality: of the mask; None if that is not known.
        looks: what it looked like after each click, made again; empty if that could not be done.
        why_no_looks: why, in words; empty if there are looks, or no click.
    """

    shard: str
    sample_key: str
    object_id: str
    model_id: str
    image: npt.NDArray[np.uint8]
    truth: npt.NDArray[np.int8] | None
    start: Start
    mask: npt.NDArray[np.bool_]
    clicks: tuple[Click, ...]
    ious: tuple[float | None, ...]
    iou: float | None
    quality: float | None
    looks: tuple[Look, ...]
    why_no_looks: str = ""


class Replayer:
    """Makes objects of a run again, one at a time; a model is loaded once."""

    def __init__(self, run: RunDirectory, *, trust_model_code: bool = False) -> None:
        """Read what the run says of itself.

        Raises:
            OptionError: data set, click log or start are others now.
            InfraError: they, or the run, cannot be read.
        """
        self.past = PastRun.of(run, trust_model_code=trust_model_code)
        self.sessions = object_sessions(self.past.record.spec, self.past.given)
        self._engines: dict[str, Engine | str] = {}
        self._records = run.committed()

    def objects_of(self, sample_key: str) -> list[ObjectName]:
        """The objects of a sample that have a mask, in the order of the run. OptionError if there is none."""
        for record in self._records.values():
            (table,) = self.past.run.read_parts(MASKS, [record], ["sample_key", "object_id"])
            found = [
                (row["sample_key"], row["object_id"])
                for row in table.to_pylist()
                if row["sample_key"] == sample_key
            ]
            if found:
                return found
        raise self._missing(sample_key, f"sample {sample_key!r}")

    def replay(self, names: Sequence[ObjectName], shards: Collection[str] = ()) -> Iterator[Replay]:
        """Yield these objects, shard by shard; those of one sample in the order that is given.

        They are looked for in `shards`; without any in all that are committed.

        Raises:
            OptionError: the run has no such object.
            InfraError: a shard or part cannot be read.
        """
        wanted, found = set(names), set[ObjectName]()
        for record in self._records.values():
            rows = self._rows(record, wanted) if not shards or record.shard in shards else {}
            if rows:
                found |= rows.keys()
                yield from self._of_shard(record, rows)
        for key, object_id in names:
            if (key, object_id) not in found:
                raise self._missing(key, f"object {object_id!r} of sample {key!r}")

    def _missing(self, sample_key: str, what: str) -> OptionError:
        records, num_shards = list(self._records.values()), self.past.record.dataset.num_shards
        return no_such_object(self.past.run, records, num_shards, sample_key, what)

    def _of_shard(
        self, record: CommitRecord, rows: Mapping[ObjectName, tuple[Any, list[Any]]]
    ) -> Iterator[Replay]:
        entry = next(shard for shard in self.past.manifest.shards if shard.name == record.shard)
        keys = {key for key, _ in rows}
        for item in read_shard(self.past.run.storage, self.past.manifest.shard_url(entry), entry):
            if not isinstance(item, Sample) or item.key not in keys:
                continue
            decoded = self.sessions.decode(item)
            planned = {one.key.object_id: one for one in self.sessions.plan("again", decoded)}
            for (key, object_id), (mask, clicks) in rows.items():
                if key == item.key:
                    yield self._replayed(decoded, planned[object_id], mask, clicks)

    def _replayed(
        self, decoded: DecodedSample, planned: PlannedObject, mask: Any, rows: Sequence[Any]
    ) -> Replay:
        size = planned.key.size
        clicks = tuple(size.to_working(Click(row["y"], row["x"], row["is_foreground"])) for row in rows)
        session = self.sessions.session(decoded, planned)
        whole = rle.decode(mask["rle"], size.height, size.width)
        looks: tuple[Look, ...] = ()
        reason = self._why_not() if clicks else ""
        engine = "" if reason or not clicks else self.engine(mask["model_id"])
        if isinstance(engine, Engine):
            logged = LoggedClicks(clicks, _looks(rows))
            looks = tuple(engine.looks(replace(session, clicks=logged, limits=_WITHOUT_END)))
        return Replay(
            mask["shard"],
            planned.key.sample_key,
            planned.key.object_id,
            mask["model_id"],
            decoded.image,
            session.truth,
            session.known,
            whole[:: size.reduction, :: size.reduction],
            clicks,
            tuple(row["iou"] for row in rows),
            mask["iou"],
            mask["quality"],
            looks,
            reason or (engine if isinstance(engine, str) else ""),
        )

    def _why_not(self) -> str:
        if self.past.record.spec.start.overlap != "allow":
            return "objects of an image were kept apart, so that one alone cannot be clicked again"
        return ""

    def engine(self, model_id: str) -> Engine | str:
        """The engine over a model of the run, or why there is none.

        It belongs to the thread that asked for it first: the number of threads that it runs on is set there.
        """
        if model_id not in self._engines:
            torch.set_num_threads(self.past.num_threads)  # as its worker had: the last bit depends on it
            try:
                self._engines[model_id] = self.past.load(model_id, "cpu", self.backend)
            except (PipelineError, InfraError, ActorsError, MfpError) as error:
                self._engines[model_id] = str(error)
        return self._engines[model_id]

    @property
    def backend(self) -> BackendName:
        """That of the run; torch if it cannot run here, since a picture does not show a last bit."""
        backend, precision = self.past.backend, self.past.record.spec.network.precision
        return "torch" if BACKENDS[backend].refusal(torch.device("cpu"), precision) else backend

    def _rows(self, record: CommitRecord, wanted: set[ObjectName]) -> dict[ObjectName, tuple[Any, list[Any]]]:
        (masks,) = self.past.run.read_parts(MASKS, [record])
        named = zip(masks["sample_key"].to_pylist(), masks["object_id"].to_pylist(), strict=True)
        at = [place for place, name in enumerate(named) if name in wanted]
        if not at:
            return {}
        rows: dict[ObjectName, tuple[Any, list[Any]]] = {
            (row["sample_key"], row["object_id"]): (row, []) for row in masks.take(at).to_pylist()
        }
        (clicks,) = self.past.run.read_parts(CLICKS, [record])
        for row in clicks.to_pylist():
            name = (row["sample_key"], row["object_id"])
            if name in rows:
                rows[name][1].append(row)
        for _, of_object in rows.values():
            of_object.sort(key=lambda row: int(row["click_idx"]))
        return rows


def _looks(rows: Sequence[Any]) -> tuple[int, ...]:
    """Which look at the mask each click follows: one that was not looked at shares that of the next."""
    number, looks = 0, []
    for row in rows:
        looks.append(number)
        number += bool(row["is_looked_at"])
    return tuple(looks)

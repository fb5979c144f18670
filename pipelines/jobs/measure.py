"""A finished run as the measure of another over the same data, shard by shard."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from mfp.metrics import noc
from pipelines.errors import OptionError
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.click_protocol import ClickProtocol, differing_clicks
from pipelines.jobs.run_objects import RunObjects
from pipelines.jobs.thresholds import THRESHOLDS

_THRESHOLD = THRESHOLDS["90"]
_FEWEST_SHARDS = 2


@dataclass(frozen=True)
class Measure:
    """The NoC@90 of every object of a finished run, by shard and by name, as `RunObjects.names`.

    The value of a shard is S / N times the sum of the differences of its objects, another run less this one: S shards
    with N objects. So the mean of the values over the shards is the mean difference over the objects, in clicks.

    Attributes:
        nocs: by shard and object; a shard without an object with truth is left out.
        num_shards: S.
        fewest, most: NoC that an object can have.
    """

    nocs: Mapping[str, Mapping[str, float]]
    num_shards: int
    fewest: int
    most: int

    def num_objects(self, shard: str) -> int:
        """Objects of a shard."""
        return len(self.nocs.get(shard, ()))

    def bounds(self, shard: str) -> tuple[float, float]:
        """What the value of a shard lies between, known before any object of it is evaluated."""
        return self.value(shard, {})

    def value(self, shard: str, nocs: Mapping[str, float]) -> tuple[float, float]:
        """The lowest and the highest value of a shard if these are the NoC of its objects by name.

        An object that is not among them, because it could not be evaluated, has any NoC. One that this run lacks does
        not count.
        """
        own = self.nocs.get(shard, {})
        at_least = sum(nocs.get(name, self.fewest) - clicks for name, clicks in own.items())
        at_most = sum(nocs.get(name, self.most) - clicks for name, clicks in own.items())
        scale = self.num_shards / sum(map(len, self.nocs.values()))
        return at_least * scale, at_most * scale


def noc_of(run: RunDirectory, records: Collection[CommitRecord]) -> dict[str, float]:
    """NoC@90 by name of the objects of some shards; those are left out of which it is not known.

    Raises:
        RunDirectoryError, MetricsError, StorageError: a part cannot be read, see `RunObjects.read`.
    """
    by_shard = _nocs(RunObjects.read(run, records), ClickProtocol.of(run))
    return {name: clicks for of_shard in by_shard.values() for name, clicks in of_shard.items()}


def read_measure(url: str, record: LabelRecord, storage: Storage) -> Measure:
    """Read a finished run, to hold the run against it that `record` describes.

    Raises:
        OptionError: it is the run itself, or not finished; it has other data, clicks or starts, or no NoC@90; or there
            is one shard only.
        RunDirectoryError, MetricsError, StorageError: it cannot be read.
    """
    if url == record.spec.out:
        raise OptionError(f"--until-decided {url}: that is the run itself; give another, which is finished")
    base, of_base = RunDirectory(url, storage), read_record(LabelRecord, url, storage)
    records = base.committed().values()
    reason = _why_not(of_base, record, len(records))
    if reason:
        raise OptionError(f"--until-decided {url}: {reason}")
    objects, protocol = RunObjects.read(base, records), ClickProtocol.of(base)
    reason = _why_no_figure(objects, protocol)
    if reason:
        raise OptionError(f"--until-decided {url}: {reason}")
    fewest = 0 if "mask" in objects.column("start") else 1
    return Measure(_nocs(objects, protocol), of_base.dataset.num_shards, fewest, protocol.max_clicks)


def _why_not(base: LabelRecord, mine: LabelRecord, num_committed: int) -> str:
    """Why a run is no measure of another, as far as their records say; empty if it is one."""
    if base.dataset != mine.dataset:
        return "it is of other data; give a run over the same data set, or evaluate both anew"
    if mine.dataset.num_shards < _FEWEST_SHARDS:
        return (
            "the data set has one shard only, and nothing is saved by ending after it: write it anew with mfp shard "
            "and a smaller --samples-per-shard"
        )
    theirs, own = ClickProtocol.of_spec(base.spec), ClickProtocol.of_spec(mine.spec)
    if theirs.max_clicks != own.max_clicks:
        return f"it allowed {theirs.max_clicks} clicks, and this run {own.max_clicks}: give the same --max-clicks"
    other = differing_clicks(base, mine)
    if other:
        return f"it differs by more than the model: {other}"
    num_shards = base.dataset.num_shards
    if num_committed != num_shards:
        return f"it has {num_committed:,} of {num_shards:,} shards: finish it first, by its own command"
    return ""


def _why_no_figure(objects: RunObjects, protocol: ClickProtocol) -> str:
    """Why there is no NoC@90 by object; empty if there is."""
    for repeated in objects.repeated:
        return f"several samples have one key ({repeated}): give each a key of its own, as mfp shard does"
    known = objects.has_truth
    if not known.any():
        return "none of its objects has a truth; give a run of mfp evaluate"
    starts, stop_reasons = objects.column("start")[known], objects.column("stop_reason")[known]
    if len(set(starts)) > 1 or not protocol.defines_noc(objects.ious(known), stop_reasons, _THRESHOLD):
        return "its NoC@90 is not defined, see mfp report"
    return ""


def _nocs(objects: RunObjects, protocol: ClickProtocol) -> dict[str, dict[str, float]]:
    """By shard and name the NoC of the objects of which it is known."""
    known = objects.has_truth
    ious, stop_reasons = objects.ious(known), objects.column("stop_reason")[known]
    is_open = protocol.could_go_on(ious, stop_reasons, _THRESHOLD)
    clicks = noc(ious, _THRESHOLD, protocol.max_clicks).tolist()
    nocs: dict[str, dict[str, float]] = {}
    for shard, name, of_object, could_go_on in zip(
        objects.column("shard")[known], objects.names[known], clicks, is_open, strict=True
    ):
        if not could_go_on:
            nocs.setdefault(shard, {})[name] = float(of_object)
    return nocs

"""Doing some objects of a run once more, to see whether they come out the same."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from actors.click_models.model_ref import ModelRef, Weights
from actors.labelling.given import Given
from actors.labelling.hand_out import Assignment
from actors.labelling.job import LabelJob, object_sessions
from actors.labelling.shard_labeller import ShardLabeller
from actors.specs.label import LabelSpec
from actors.stop_request import check_stop, closed_in_order
from infra import rle
from infra.json_text import JsonValue
from infra.runs.commit import CommitRecord
from infra.runs.run_config import differences
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, MASKS
from infra.shards.manifest import DatasetManifest, ShardEntry, load_manifest
from infra.shards.sample import Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from infra.strict_json import to_json
from infra.taken_models import taken_models
from mfp.engine import Engine
from mfp.engine_settings import BackendName
from pipelines.errors import OptionError
from pipelines.inputs.given_inputs import given_content, load_given
from pipelines.inputs.model_source import find_model
from pipelines.inputs.published_source import model_of_step
from pipelines.inputs.run_record import LabelRecord, OneModel, read_record

ObjectName: TypeAlias = tuple[str, str]  # sample key and object id
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Redone:
    """One object, as it was committed and as it came out now.

    `iou_difference` is the largest of those after the clicks that both have, None without truth; `same_boundary_ious`
    whether boundary IoUs after them are equal; `pixel_share` the
    share of the image's pixels whose mask differs; `same_clicks` tells whether all clicks are the same, in the same
    order, and `same_end` whether they ended for the same reason. `num_pixels` are those of the image, `area` those of
    the smallest mask after one of the clicks.
    """

    shard: str
    sample_key: str
    object_id: str
    iou_difference: float | None
    same_boundary_ious: bool
    pixel_share: float
    same_clicks: bool
    same_end: bool
    num_pixels: int
    area: int

    def problems(self, tolerance: float) -> Iterator[str]:
        """What came out another way.

        With a tolerance a mask may differ in that share of the image's pixels, and an IoU by what so many pixels can
        change: d pixels change the intersection and the union by d at most, the IoU so by 2 d / area. There is no such
        bound for boundary IoUs: they have to be equal if there is no tolerance, and else may differ. Clicks have to be
        the same: figures are made of them.
        """
        if self.pixel_share > tolerance:
            yield f"comes out with {self.pixel_share:.2%} of its pixels changed"
        if not self.same_clicks:
            yield "comes out with other clicks"
        elif not self.same_end:
            yield "comes out with another stop reason"
        allowed = 2 * tolerance * self.num_pixels / max(self.area, 1)
        if self.iou_difference is not None and self.iou_difference > allowed:
            yield f"comes out with IoUs that differ by up to {self.iou_difference:.2g}"
        if tolerance == 0 and not self.same_boundary_ious:
            yield "comes out with other boundary IoUs"


@dataclass(frozen=True)
class PastRun:
    """A finished or interrupted run, with all it takes to do an object of it again."""

    run: RunDirectory
    record: LabelRecord
    manifest: DatasetManifest
    given: Given
    trust_model_code: bool

    @classmethod
    def of(cls, run: RunDirectory, *, trust_model_code: bool = False) -> PastRun:
        """Read what `run.json` says.

        Raises:
            OptionError: the data set or the click log is not that of the run any more.
            InfraError, MfpError: it, or the clicks, cannot be read, or run.json is damaged.

        """
        record = read_record(LabelRecord, run.url, run.storage)
        manifest = load_manifest(run.storage, record.spec.dataset)
        if manifest.fingerprint != record.dataset.fingerprint:
            raise OptionError(
                f"{record.spec.dataset} is not the data set that {run.url} was made from: its contents "
                "have changed since"
            )
        spec = record.spec
        given = load_given(spec.clicks, spec.log, spec.start, run.storage)
        changed = [name for name, _, _ in differences(to_json(given_content(given)), to_json(record.given))]
        if changed:
            raise OptionError(
                f"{_place_of(spec, changed[0])} is not what {run.url} was made from: its contents have changed since"
            )
        return cls(run, record, manifest, given, trust_model_code)

    @property
    def num_threads(self) -> int:
        """Threads that each worker had: they decide the last bit of a map."""
        return max(1, int(self.record.spec.workers.cpus_per_worker))

    @property
    def backend(self) -> BackendName:
        """What ran the network."""
        return self.record.spec.network.engine_backend

    def load(self, model_id: str, device: str, backend: BackendName) -> Engine:
        """An engine over a model of the run. OptionError if it is not there any more, or is another now."""
        network = replace(self.record.spec.network, backend=backend)
        job = LabelJob(
            replace(self.record.spec, network=network), self.manifest.url, quality=self.record.quality
        )
        return job.load(self._model(model_id), device)

    def _model(self, model_id: str) -> ModelRef:
        choice, storage = self.record.spec.model, self.run.storage
        if choice.training_run is not None:
            step = self._step_of(model_id)
            data = model_of_step(self.run.url, choice.training_run, step, model_id, storage)
            return ModelRef(choice.name, model_id, Weights(data), step)
        # whoever made the run trusted the code; whoever checks it says so again
        model = find_model(replace(choice, trust_model_code=self.trust_model_code), storage)
        if model.identity != model_id:
            raise OptionError(
                f"{choice.name} is model {model.identity} now; {self.run.url} was made with {model_id}"
            )
        return model

    def _step_of(self, model_id: str) -> int:
        model = self.record.model
        if isinstance(model, OneModel) and model.model_id == model_id and model.step is not None:
            return model.step
        steps = {taken.model_id: taken.step for taken in taken_models(self.run.storage, self.run.url)}
        if model_id not in steps:
            raise OptionError(f"{self.run.url} does not say which step of the training made model {model_id}")
        return steps[model_id]


def _place_of(spec: LabelSpec, field: str) -> str:
    """The place behind a field of `GivenContent`, in words."""
    if field.startswith("clicks"):
        return f"click log {spec.clicks.source}"
    return (
        f"start {spec.start.source}"
        if field.startswith("start")
        else f"final masks {spec.clicks.final_masks}"
    )


def choose(
    past: PastRun, records: Sequence[CommitRecord], share: float, seed: int
) -> dict[str, list[ObjectName]]:
    """Draw objects by shard: sqrt(share) of the shards that have objects, and as many of the objects in each.

    So a hundredth of the objects costs the reading of a tenth of the data. At least one object, if there is one.
    """
    rng = np.random.default_rng(seed)
    filled = sorted((record for record in records if record.objects), key=lambda record: record.shard)
    part = math.sqrt(share)
    chosen: dict[str, list[ObjectName]] = {}
    for index in sorted(rng.permutation(len(filled))[: math.ceil(part * len(filled))]):
        record = filled[index]
        (table,) = past.run.read_parts(MASKS, [record], ["sample_key", "object_id", "model_id"])
        # rows of another model than the shard's were taken over from another run
        rows = [row for row in table.to_pylist() if row["model_id"] == record.model_id]
        names = [(row["sample_key"], row["object_id"]) for row in rows]
        drawn = sorted(rng.permutation(len(names))[: math.ceil(part * len(names))])
        chosen[record.shard] = [names[position] for position in drawn]
    return chosen


def redo(
    past: PastRun, record: CommitRecord, names: Sequence[ObjectName], device: str, backend: BackendName
) -> Iterator[Redone]:
    """Click these objects of a committed shard again, in this process, and compare.

    Raises:
        OptionError: a model of the run is not to be found.
        InfraError, MfpError: data or model cannot be read.

    """
    before = _rows(past.run, record)
    by_model: dict[str, list[ObjectName]] = {}
    for name in names:
        by_model.setdefault(before[name][0]["model_id"], []).append(name)
    entry = next(shard for shard in past.manifest.shards if shard.name == record.shard)
    for model_id, of_model in by_model.items():
        after = _label_again(past, entry, past.load(model_id, device, backend), of_model)
        yield from (_compared(record.shard, name, before[name], after.get(name)) for name in of_model)


def _label_again(
    past: PastRun, entry: ShardEntry, engine: Engine, names: Sequence[ObjectName]
) -> dict[ObjectName, tuple[Any, list[Any]]]:
    """Rows of these objects, made the way a worker makes them, in a run directory that is gone afterwards."""
    spec, wanted = past.record.spec, set(names)

    def read(shard: ShardEntry) -> Iterator[ShardItem]:
        for item in read_shard(past.run.storage, past.manifest.shard_url(shard), shard):
            if not isinstance(item, Sample) or all(key != item.key for key, _ in wanted):
                continue
            if spec.start.overlap != "allow":
                yield item  # its objects depend on one another
            else:
                yield replace(
                    item,
                    objects=tuple(truth for truth in item.objects if (item.key, truth.object_id) in wanted),
                )

    with closed_in_order(), tempfile.TemporaryDirectory(prefix="mfp-verify-") as folder:
        again = RunDirectory(folder, Storage())
        labeller = ShardLabeller(object_sessions(spec, past.given), read, again)
        with ThreadPoolExecutor(1) as callers:
            labelled = callers.submit(labeller.label, Assignment(entry, "again"), engine)
            try:
                while wait([labelled], _POLL_SECONDS).not_done:
                    check_stop()
                labelled.result()
            finally:
                labeller.close()  # a call that still waits ends with it
        (record,) = again.committed().values()
        return _rows(again, record)


def _rows(run: RunDirectory, record: CommitRecord) -> dict[ObjectName, tuple[Any, list[Any]]]:
    """The mask row and the click rows, in order, of every object of a shard."""
    (masks,) = run.read_parts(MASKS, [record])
    (clicks,) = run.read_parts(CLICKS, [record])
    rows: dict[ObjectName, tuple[Any, list[Any]]] = {
        (row["sample_key"], row["object_id"]): (row, []) for row in masks.to_pylist()
    }
    for row in clicks.to_pylist():
        rows[row["sample_key"], row["object_id"]][1].append(row)
    for _, of_object in rows.values():
        of_object.sort(key=lambda row: int(row["click_idx"]))
    return rows


def _compared(
    shard: str, name: ObjectName, before: tuple[Any, list[Any]], after: tuple[Any, list[Any]] | None
) -> Redone:
    old = before[0]
    height, width = old["height"], old["width"]
    num_pixels = height * width
    # the object may not be there any more, or was quarantined this time
    if after is None or (height, width) != (after[0]["height"], after[0]["width"]):
        return Redone(
            shard,
            *name,
            None,
            same_boundary_ious=False,
            pixel_share=1.0,
            same_clicks=False,
            same_end=False,
            num_pixels=num_pixels,
            area=0,
        )
    new = after[0]
    pairs = [(old, new), *zip(before[1], after[1], strict=False)]
    ious = [(one["iou"], other["iou"]) for one, other in pairs]
    differences = [_iou_difference(*pair) for pair in ious if pair != (None, None)]
    return Redone(
        shard,
        *name,
        max(differences, default=None),
        same_boundary_ious=all(one["boundary_iou"] == other["boundary_iou"] for one, other in pairs),
        pixel_share=rle.num_different(old["rle"], new["rle"], height, width) / num_pixels,
        same_clicks=_places(before[1]) == _places(after[1]),
        same_end=old["stop_reason"] == new["stop_reason"],
        num_pixels=num_pixels,
        area=min(one["area"] for one, _ in pairs),
    )


def _iou_difference(one: float | None, other: float | None) -> float:
    """1 if only one of both has truth."""
    return 1.0 if one is None or other is None else abs(one - other)


def _places(clicks: Sequence[Mapping[str, JsonValue]]) -> list[tuple[JsonValue, ...]]:
    return [(click["y"], click["x"], click["is_foreground"]) for click in clicks]

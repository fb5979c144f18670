"""Several runs over the same objects: their figures with intervals, and how each differs from the first.

Only objects that every run has clicked and knows the truth of are compared, so that no run is judged by easier ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infra.json_text import JsonValue
from infra.runs.repeated_keys import repeated_keys
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS
from infra.storage.files import Storage
from mfp.bootstrap import Interval, mean_interval
from mfp.metrics import ClickIous, noc
from pipelines.errors import OptionError
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.click_protocol import ClickProtocol
from pipelines.jobs.report import THRESHOLDS, unfinished

MEAN_IOU = "mean_iou"
NOC = {f"noc{name}": threshold for name, threshold in THRESHOLDS.items()}
FIGURES = (*NOC, MEAN_IOU)
"""Names of what is compared: NoC at each IoU, and the mean IoU after each object's last click."""

_SEPARATOR = "\0"
_COLUMNS = ("sample_key", "object_id", "click_idx", "iou")


@dataclass(frozen=True)
class Estimate:
    """A mean over the objects, and its 95 % bootstrap interval over images; None if there is one image only."""

    mean: float
    interval: Interval | None

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        return {"mean": self.mean, "interval": None if self.interval is None else list(self.interval)}


@dataclass(frozen=True)
class ComparedRun:
    """One run: its figures by name, and their differences to those of the first run, object by object.

    A figure is None if it is not defined for this run. A difference is None also where the two runs were clicked by
    another protocol: an IoU target that stops one of them earlier would look like a difference of the models.
    `num_shards` are committed of `num_expected`.
    """

    url: str
    num_objects: int
    num_shards: int
    num_expected: int
    figures: Mapping[str, Estimate | None]
    differences: Mapping[str, Estimate | None]

    @property
    def unfinished(self) -> str | None:
        """What is missing of the run, in words; None if nothing is, or nobody knows."""
        return unfinished(self.num_shards, self.num_expected)


@dataclass(frozen=True)
class Comparison:
    """Runs on the `num_objects` objects with truth that all of them have, of `num_images` images.

    `is_same_data` False: the data sets differ, and objects were matched by sample key and id alone.
    """

    runs: tuple[ComparedRun, ...]
    num_objects: int
    num_images: int
    is_same_data: bool

    def to_json(self) -> dict[str, JsonValue]:
        """For programs: `mfp compare --json`."""
        return {
            "objects": self.num_objects,
            "images": self.num_images,
            "same_data": self.is_same_data,
            "runs": [
                {
                    "run": run.url,
                    "finished": run.unfinished is None,
                    "shards": run.num_shards,
                    "shards_expected": run.num_expected,
                    "objects": run.num_objects,
                    "figures": _json(run.figures),
                    "differences": _json(run.differences),
                }
                for run in self.runs
            ],
        }


def compare_runs(urls: Sequence[str], storage: Storage) -> Comparison:
    """Read the click tables of the runs and compare what their models needed.

    Raises:
        OptionError: the runs have no object in common, counted another number of clicks for a failure, or one of them
            has several samples of one key.
        RunDirectoryError, MetricsError, StorageError: one of them cannot be read, see `build_report`.
    """
    clicked = [_ClickedRun.read(url, storage) for url in urls]
    _check_same_clicks(clicked)
    names = reduce(np.intersect1d, [run.names for run in clicked])
    if not len(names):
        raise OptionError(
            f"no object with truth that {' and '.join(urls)} has clicked: give runs over the same data set, with masks"
        )
    images = np.array([name.partition(_SEPARATOR)[0] for name in names], object)
    image_idx = np.unique(images, return_inverse=True)[1].astype(np.int64)
    of_objects = [run.of_objects(names) for run in clicked]
    first = clicked[0]
    return Comparison(
        tuple(
            ComparedRun(
                url=run.url,
                num_objects=len(run.names),
                num_shards=run.num_shards,
                num_expected=run.num_expected,
                figures={name: _estimate(values[name], image_idx) for name in FIGURES},
                differences={
                    name: _estimate(_difference(values[name], of_objects[0][name]), image_idx)
                    if _differ_by_model(name, run.protocol, first.protocol)
                    else None
                    for name in FIGURES
                },
            )
            for run, values in zip(clicked, of_objects, strict=True)
        ),
        num_objects=len(names),
        num_images=int(image_idx.max()) + 1,
        is_same_data=len({run.fingerprint for run in clicked}) == 1,
    )


@dataclass(frozen=True)
class _ClickedRun:
    """A run's objects with truth, sorted by name (sample key and object id), and their IoUs in that order."""

    url: str
    protocol: ClickProtocol
    num_shards: int
    num_expected: int
    fingerprint: str
    names: NDArray[np.object_]
    ious: ClickIous

    @classmethod
    def read(cls, url: str, storage: Storage) -> _ClickedRun:
        run = RunDirectory(url, storage)
        protocol = ClickProtocol.of(run)
        dataset = read_record(LabelRecord, url, storage).dataset
        records = list(run.committed().values())
        parts = list(run.read_parts(CLICKS, records, _COLUMNS))
        shards = [record.shard for record in records]
        keys = (part["sample_key"] for part in parts)
        for repeated in repeated_keys(zip(shards, keys, strict=True)):
            raise OptionError(
                f"{url} has several samples of one key ({repeated}), and runs are compared by it: give each sample a "
                "key of its own, as mfp shard does, and evaluate again"
            )
        table = pa.concat_tables([CLICKS.empty(_COLUMNS), *parts])
        name = pc.binary_join_element_wise(table["sample_key"], table["object_id"], _SEPARATOR)
        without_truth = pc.unique(name.filter(pc.is_null(table["iou"], nan_is_null=True)))
        has_truth = pc.invert(pc.is_in(name, without_truth))
        names, object_idx = _numbered(name.filter(has_truth))
        clicks = table.filter(has_truth)
        ious = ClickIous.from_columns(object_idx, clicks["click_idx"].to_numpy(), clicks["iou"].to_numpy())
        return cls(url, protocol, len(records), dataset.num_shards, dataset.fingerprint, names, ious)

    def of_objects(self, names: NDArray[np.object_]) -> dict[str, NDArray[np.float64] | None]:
        """By name of the figure: (num_names,) values of these objects."""
        at = np.searchsorted(self.names, names)
        last = np.append(self.ious.first[1:], len(self.ious.iou)) - 1
        return {
            name: noc(self.ious, threshold, self.protocol.max_clicks)[at].astype(np.float64)
            if self.protocol.defines_noc(self.ious, threshold)
            else None
            for name, threshold in NOC.items()
        } | {MEAN_IOU: self.ious.iou[last][at]}


def _numbered(name: pa.ChunkedArray) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The different names, sorted, and which of them each row has; text is held once an object, not once a click."""
    encoded = name.combine_chunks().dictionary_encode()
    found = np.array([*encoded.dictionary.to_pylist()], object)
    order = np.argsort(found)
    rank = np.empty(len(found), np.int64)
    rank[order] = np.arange(len(found))
    return found[order], rank[encoded.indices.to_numpy()]


def _differ_by_model(figure: str, one: ClickProtocol, other: ClickProtocol) -> bool:
    """Whether nothing but the model can make a difference of that figure."""
    if one.is_logged != other.is_logged:
        return False
    return figure in NOC or one.target_iou == other.target_iou


def _check_same_clicks(runs: Sequence[_ClickedRun]) -> None:
    first = runs[0]
    for run in runs[1:]:
        if run.protocol.max_clicks != first.protocol.max_clicks:
            raise OptionError(
                f"{run.url} allowed {run.protocol.max_clicks} clicks, {first.url} {first.protocol.max_clicks}: an "
                "object that fails counts as many, so their NoC do not compare; evaluate with the same --max-clicks"
            )


def _difference(
    values: NDArray[np.float64] | None, of_first: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    return None if values is None or of_first is None else values - of_first


def _estimate(values: NDArray[np.float64] | None, image_idx: NDArray[np.int64]) -> Estimate | None:
    return None if values is None else Estimate(float(values.mean()), mean_interval(values, image_idx))


def _json(estimates: Mapping[str, Estimate | None]) -> dict[str, JsonValue]:
    return {name: None if one is None else one.to_json() for name, one in estimates.items()}

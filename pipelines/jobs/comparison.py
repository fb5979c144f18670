"""Several runs over the same objects: their figures with intervals, and how each differs from the first.

Only objects that every run has clicked and knows the truth of are compared, so that no run is judged by easier ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from infra.json_text import JsonValue
from infra.storage.files import Storage
from infra.strict_json import to_json
from mfp.bootstrap import Interval, mean_interval
from pipelines.errors import OptionError
from pipelines.jobs.click_protocol import differing_clicks
from pipelines.jobs.decided import Decided, read_decided, unfinished
from pipelines.jobs.drawn_figures import DrawnNoc, read_draws
from pipelines.jobs.evaluated_run import EvaluatedRun
from pipelines.jobs.gate import Gate, judged
from pipelines.jobs.object_changes import ObjectChanges
from pipelines.jobs.run_objects import object_of
from pipelines.jobs.thresholds import THRESHOLDS

MEAN_IOU = "mean_iou"
MEAN_BOUNDARY_IOU = "mean_boundary_iou"
NOC = {f"noc{name}": threshold for name, threshold in THRESHOLDS.items()}
FIGURES = (*NOC, MEAN_IOU, MEAN_BOUNDARY_IOU)
"""Names of what is compared: NoC at each IoU, and mean IoU and boundary IoU after each object's last click."""


_TOLD = ("noc90", "noc85", "noc95", MEAN_IOU)
"""What an object got better or worse in; the first of these that is defined."""


_Values: TypeAlias = Mapping[str, NDArray[np.float64] | None]


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
    `incomparable` says why, in words; it is empty if all differences are of the models.

    `drawn` has NoC over drawn clicks, `drawn_differences` those to the first run; both are empty unless every run has
    draws of the same user. `draws` says how many, and of whom.
    `num_shards` are committed of `num_expected`; `decided` says why the others were left out, None if nothing does.
    `num_missing` objects of the first run are not among those of this one.
    `changes` says which objects differ from the first run, in NoC@90 or the first figure of `_TOLD` that has a
    difference; None if none has.
    """

    url: str
    num_objects: int
    num_shards: int
    num_expected: int
    figures: Mapping[str, Estimate | None]
    differences: Mapping[str, Estimate | None]
    incomparable: str = ""
    drawn: Mapping[str, Estimate | None] = field(default_factory=dict)
    drawn_differences: Mapping[str, Estimate | None] = field(default_factory=dict)
    draws: str = ""
    num_missing: int = 0
    decided: Decided | None = None
    changes: ObjectChanges | None = None

    @property
    def unfinished(self) -> str | None:
        """What is missing of the run, in words; None if nothing is."""
        return unfinished(self.num_shards, self.num_expected, self.decided)


@dataclass(frozen=True)
class Comparison:
    """Runs on the `num_objects` objects with truth that all of them have, of `num_images` images.

    `is_same_data` False: the data sets differ, and objects were matched by sample key and id alone.
    """

    runs: tuple[ComparedRun, ...]
    num_objects: int
    num_images: int
    is_same_data: bool

    def gate(self, margin: float) -> Gate:
        """Whether the later runs are no worse than the first by more than `margin` clicks, 0 or more: see `judged`."""
        return judged(self, margin)

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
                    "decided": None if run.decided is None else to_json(run.decided),
                    "objects": run.num_objects,
                    "figures": _json(run.figures),
                    "differences": _json(run.differences),
                    "incomparable": run.incomparable,
                    "draws": run.draws,
                    "changes": None if run.changes is None else run.changes.to_json(),
                    "drawn": _json(run.drawn),
                    "drawn_differences": _json(run.drawn_differences),
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
    clicked = [_read(url, storage) for url in urls]
    _check_same_clicks(clicked)
    names = reduce(np.intersect1d, [run.names for run in clicked])
    if not len(names):
        raise OptionError(
            f"no object with truth that {' and '.join(urls)} has clicked: give runs over the same data set, with masks"
        )
    image_idx = _image_idx(names)
    of_objects = [_values(run, names) for run in clicked]
    first = clicked[0]
    runs = tuple(
        ComparedRun(
            url=run.url,
            num_objects=len(run.names),
            num_shards=run.num_shards,
            num_expected=run.record.dataset.num_shards,
            figures={name: _estimate(values[name], image_idx) for name in FIGURES},
            differences={
                name: _estimate(_difference(values[name], of_objects[0][name]), image_idx)
                if not _why_not(name, run, first)
                else None
                for name in FIGURES
            },
            incomparable=_why_not(MEAN_IOU, run, first),
            num_missing=len(np.setdiff1d(first.names, run.names)),
            decided=read_decided(run.url, storage),
            changes=_changes(run, first, names, values, of_objects[0]),
        )
        for run, values in zip(clicked, of_objects, strict=True)
    )
    return Comparison(
        _with_draws(
            runs,
            [read_draws(url, storage) for url in urls],
            [not _why_not(MEAN_IOU, run, first) for run in clicked],
        ),
        num_objects=len(names),
        num_images=int(image_idx.max()) + 1,
        is_same_data=len({run.record.dataset.fingerprint for run in clicked}) == 1,
    )


def _changes(
    run: EvaluatedRun, first: EvaluatedRun, names: NDArray[np.object_], values: _Values, of_first: _Values
) -> ObjectChanges | None:
    for figure in _TOLD:
        before, after = of_first[figure], values[figure]
        if before is not None and after is not None and not _why_not(figure, run, first):
            return ObjectChanges(figure, figure in NOC, names, before, after)
    return None


def _image_idx(names: NDArray[np.object_]) -> NDArray[np.int64]:
    """(num_objects,): objects of one image have one number."""
    images = np.array([object_of(name)[0] for name in names], object)
    return np.unique(images, return_inverse=True)[1].astype(np.int64)


def _with_draws(
    runs: tuple[ComparedRun, ...], draws: Sequence[DrawnNoc | None], are_alike: Sequence[bool]
) -> tuple[ComparedRun, ...]:
    """The runs with NoC over drawn clicks on the objects that all draws have, if all have draws of one user.

    `are_alike`: whether a run differs from the first by its model alone, so that there is a difference to tell.
    """
    known = [one for one in draws if one is not None and one.num_draws]
    if len(known) < len(runs) or len({one.user for one in known}) > 1:
        return runs
    names = reduce(np.intersect1d, [one.names for one in known])
    if not len(names):
        return runs
    image_idx = _image_idx(names)
    means = [
        {
            f"noc{threshold}": of_all.mean(axis=0)[np.searchsorted(one.names, names)]
            for threshold, of_all in one.drawn.items()
        }
        for one in known
    ]
    return tuple(
        replace(
            run,
            drawn={name: _estimate(values.get(name), image_idx) for name in NOC},
            drawn_differences={
                name: _estimate(_difference(values.get(name), means[0].get(name)), image_idx)
                if is_alike
                else None
                for name in NOC
            },
            draws=f"{one.num_draws} draws of the simulated user {one.user}",
        )
        for run, one, values, is_alike in zip(runs, known, means, are_alike, strict=True)
    )


def _read(url: str, storage: Storage) -> EvaluatedRun:
    run = EvaluatedRun.read(url, storage)
    for repeated in run.repeated:
        raise OptionError(
            f"{url} has several samples of one key ({repeated}), and runs are compared by it: give each sample a "
            "key of its own, as mfp shard does, and evaluate again"
        )
    return run


def _values(run: EvaluatedRun, names: NDArray[np.object_]) -> _Values:
    """By name of the figure: (num_names,) values of these objects; None if it is not defined."""
    nocs = run.nocs(names)
    return {f"noc{name}": nocs.get(name) for name in THRESHOLDS} | {
        MEAN_IOU: run.last_ious(names),
        MEAN_BOUNDARY_IOU: run.last_boundary_ious(names),
    }


def _why_not(figure: str, one: EvaluatedRun, other: EvaluatedRun) -> str:
    """Why a difference of that figure would not be one of the models, in words; empty if it would."""
    mine, theirs = one.protocol, other.protocol
    reason = differing_clicks(one.record, other.record)
    if reason:
        return reason
    if one.starts != other.starts:
        return f"starts: {' and '.join(sorted(one.starts))}, and {' and '.join(sorted(other.starts))}"
    if figure not in NOC and mine.target_iou != theirs.target_iou:
        return "other IoU targets"
    return ""


def _check_same_clicks(runs: Sequence[EvaluatedRun]) -> None:
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

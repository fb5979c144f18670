"""`mfp calibrate`: fits the quality of a model's masks to their IoU, on finished evaluations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import numpy as np
from numpy.typing import NDArray

from actors.specs.calibrate import CalibrateSpec
from actors.specs.checked import checked
from actors.specs.places import absolute
from infra.errors import RunDirectoryError
from infra.json_text import JsonValue
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, SIGNALS
from infra.storage.files import Storage
from infra.strict_json import from_bytes, to_bytes, to_json
from mfp.mask_signals import MaskSignals
from mfp.quality_figures import QualityFigures
from mfp.quality_fit import LabelledMasks
from pipelines.errors import OptionError
from pipelines.inputs.calibration import AfterClicks, Calibration, Conditions
from pipelines.inputs.run_record import LabelRecord, OneModel, now, read_record
from pipelines.jobs.quality_by_clicks import rows_after, shown_clicks_of

FEWEST_IMAGES: Final = 20
"""A fit to fewer says more of them than of the model."""
_VERSIONED: Final = ("mfp-pipeline", "scikit-learn")
_COLUMNS: Final = ("sample_key", "object_id", "click_idx", "iou", "is_looked_at", *SIGNALS)


@dataclass(frozen=True)
class _Mask:
    """A mask of an object after a click.

    `image`: fingerprint of the data and sample key; `of`: run, sample key and object id.
    """

    image: tuple[str, str]
    of: tuple[str, str, str]
    num_clicks: int
    iou: float
    signals: MaskSignals


@dataclass(frozen=True)
class Calibrated:
    """A calibration that was made, and where it lies."""

    url: str
    calibration: Calibration

    def to_json(self) -> dict[str, JsonValue]:
        """For programs: what the file holds."""
        return to_json(self.calibration)


def run_calibrate(spec: CalibrateSpec) -> Calibrated:
    """Fit the quality to the masks of some runs, and write it to `spec.out`.

    Raises:
        OptionError: the runs are of several models or settings, or ended their sessions by the truth; too few images;
            `spec.out` is a file that is no calibration.
        RunDirectoryError: one is no run, or damaged.
        StorageError: something cannot be read or written.

    """
    spec = checked(CalibrateSpec, spec)
    if not spec.runs:
        raise OptionError("no run to calibrate on: give one or more run directories")
    storage, url = Storage(spec.storage), absolute(spec.out)
    _check_out(url, storage)
    runs = [RunDirectory(place, storage) for place in dict.fromkeys(map(absolute, spec.runs))]
    records = [read_record(LabelRecord, run.url, storage) for run in runs]
    conditions = _conditions(runs, records)
    masks = [mask for run, record in zip(runs, records, strict=True) for mask in _masks(run, record)]
    folds = _folds({mask.image for mask in masks}, spec)
    if len(folds) < max(FEWEST_IMAGES, spec.folds):
        raise OptionError(
            f"{', '.join(run.url for run in runs)}: {len(folds)} images with truth and clicks; a calibration needs "
            f"{max(FEWEST_IMAGES, spec.folds)} at least: evaluate more"
        )
    labelled = _labelled(masks, folds)
    calibration = Calibration(
        quality=labelled.fit(),
        conditions=conditions,
        datasets=tuple(sorted({record.dataset.fingerprint for record in records})),
        runs=tuple(run.url for run in runs),
        num_images=len(folds),
        num_objects=len({mask.of for mask in masks}),
        num_masks=len(masks),
        folds=spec.folds,
        seed=spec.seed,
        figures=tuple(_figures(masks, labelled.cross_fitted())),
        versions={name: version(name) for name in _VERSIONED},
        created=now(),
    )
    storage.write_bytes(url, to_bytes(calibration))
    return Calibrated(url, calibration)


def _check_out(url: str, storage: Storage) -> None:
    """Refuse to write over a file that is no calibration."""
    if not storage.exists(url):
        return
    try:
        from_bytes(Calibration, storage.read_bytes(url))
    except ValueError:
        raise OptionError(
            f"--out {url} is there, and is no calibration of this version: name another file, or delete it"
        ) from None


def _conditions(runs: Sequence[RunDirectory], records: Sequence[LabelRecord]) -> Conditions:
    """Those of all runs."""
    found: list[Conditions] = []
    for run, record in zip(runs, records, strict=True):
        if not isinstance(record.model, OneModel):
            raise OptionError(f"{run.url} took models as they came: calibrate on evaluations of one model")
        if record.spec.clicks.target_iou != "none":
            raise OptionError(
                f"{run.url} ended its objects at IoU {record.spec.clicks.target_iou}, so that of the masks after "
                "several clicks only the bad ones are there: evaluate with --full-curve, and as many --max-clicks as "
                "masks are to have"
            )
        found.append(Conditions.of(record.model.model_id, record.spec))
        if different := found[0].difference(found[-1]):
            raise OptionError(
                f"{run.url} has {different}, which is that of {runs[0].url}: calibrate on runs of one model and one "
                "setting"
            )
    return found[0]


def _masks(run: RunDirectory, record: LabelRecord) -> Iterator[_Mask]:
    """The masks with truth that a network made, one for each look at an object."""
    records = list(run.committed().values())
    if not records:
        raise RunDirectoryError(f"{run.url}: no shard is committed; let the run end first")
    for part in run.read_parts(CLICKS, records, _COLUMNS):
        for row in part.to_pylist():
            if row["is_looked_at"] and row["iou"] is not None and row["expected_iou"] is not None:
                yield _Mask(
                    image=(record.dataset.fingerprint, row["sample_key"]),
                    of=(run.url, row["sample_key"], row["object_id"]),
                    num_clicks=row["click_idx"] + 1,
                    iou=row["iou"],
                    signals=MaskSignals(**{name: row[name] for name in SIGNALS}),
                )


def _folds(images: set[tuple[str, str]], spec: CalibrateSpec) -> dict[str, int]:
    """Sample keys dealt to folds, in the order of a hash of the seed and the image.

    A key goes to one fold whatever its data set: the same images in other shards are another data set.
    """
    first = {key: (fingerprint, key) for fingerprint, key in sorted(images, reverse=True)}
    order = sorted(first, key=lambda key: hashlib.sha256(repr((spec.seed, *first[key])).encode()).digest())
    return {key: place % spec.folds for place, key in enumerate(order)}


def _labelled(masks: Sequence[_Mask], folds: dict[str, int]) -> LabelledMasks:
    return LabelledMasks.of(
        [mask.signals for mask in masks],
        [mask.num_clicks for mask in masks],
        [mask.iou for mask in masks],
        [folds[mask.image[1]] for mask in masks],
    )


def _figures(masks: Sequence[_Mask], quality: NDArray[np.float64]) -> Iterator[AfterClicks]:
    """After each number of clicks that is shown; an object that has ended before has its last mask."""
    names = {name: place for place, name in enumerate(dict.fromkeys(mask.of for mask in masks))}
    object_idx = np.array([names[mask.of] for mask in masks])
    click_idx = np.array([mask.num_clicks - 1 for mask in masks])
    iou = np.array([mask.iou for mask in masks])
    expected = np.array([mask.signals.expected_iou for mask in masks])
    for number in shown_clicks_of(click_idx):
        rows = rows_after(object_idx, click_idx, number)
        yield AfterClicks(
            num_clicks=number,
            calibrated=QualityFigures.of(quality[rows], iou[rows]),
            expected_iou=QualityFigures.of(expected[rows], iou[rows]),
        )

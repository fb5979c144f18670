"""NoC, both NoF, mean IoU and AuC of a run's objects, for each kind of start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.json_text import JsonValue
from mfp.metrics import ClickIous, auc, mean_iou_curve, noc, nof_never_reached, nof_published
from pipelines.jobs.click_protocol import ClickProtocol
from pipelines.jobs.run_objects import RunObjects
from pipelines.jobs.thresholds import THRESHOLDS


@dataclass(frozen=True)
class ThresholdFigures:
    """What it takes to reach one IoU: mean NoC over the objects, and the number of objects that fail.

    `nof_published` counts NoC = max_clicks, success at the last click included; `nof_never_reached` does not.
    """

    noc: float
    nof_published: int
    nof_never_reached: int


@dataclass(frozen=True)
class StartFigures:
    """Figures of the objects with truth that started from one kind of start: `nothing`, `mask` or `box`.

    `mean_start_iou` is that of the masks that were given, None for other starts. `at_threshold` holds None if NoC is
    not defined: above the target IoU, where sessions stopped, and where an object ended below that IoU before
    `max_clicks` although it could have gone on. `mean_iou`: entry t is the mean after click t + 1, `max_clicks` of
    them; a session that has ended carries its last IoU forward. `auc` is their trapezoid area over that of a
    constant 1. `mean_boundary_iou` (`mfp.boundary_iou`) is that of the masks, after the last click on each.
    """

    start: str
    objects: int
    mean_start_iou: float | None
    at_threshold: Mapping[str, ThresholdFigures | None]
    mean_iou: tuple[float, ...]
    auc: float
    mean_boundary_iou: float

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        figures = self.at_threshold.items()
        return {
            "start": self.start,
            "objects": self.objects,
            "mean_start_iou": self.mean_start_iou,
            "noc": {name: None if at is None else at.noc for name, at in figures},
            "nof_published": {name: None if at is None else at.nof_published for name, at in figures},
            "nof_never_reached": {name: None if at is None else at.nof_never_reached for name, at in figures},
            "mean_iou": list(self.mean_iou),
            "auc": self.auc,
            "mean_boundary_iou": self.mean_boundary_iou,
        }


def figures_by_start(objects: RunObjects, protocol: ClickProtocol) -> Iterator[StartFigures]:
    """The figures of the objects with truth, for each kind of start that one has."""
    starts = objects.column("start")
    for start in sorted(set(starts[objects.has_truth])):
        of = objects.has_truth & (starts == start)
        ious, stop_reasons = objects.ious(of), objects.column("stop_reason")[of]
        curve = mean_iou_curve(ious, protocol.max_clicks)
        yield StartFigures(
            start=start,
            objects=ious.num_objects,
            mean_start_iou=float(objects.column("start_iou")[of].mean()) if start == "mask" else None,
            at_threshold={
                name: figures_at(ious, stop_reasons, threshold, protocol)
                for name, threshold in THRESHOLDS.items()
            },
            mean_iou=tuple(curve.tolist()),
            auc=auc(curve),
            mean_boundary_iou=float(objects.column("boundary_iou")[of].mean()),
        )


def figures_at(
    ious: ClickIous, stop_reasons: NDArray[np.object_], threshold: float, protocol: ClickProtocol
) -> ThresholdFigures | None:
    """The figures of one IoU; None if NoC is not defined there."""
    if not protocol.defines_noc(ious, stop_reasons, threshold):
        return None
    return ThresholdFigures(
        noc=float(noc(ious, threshold, protocol.max_clicks).mean()),
        nof_published=nof_published(ious, threshold, protocol.max_clicks),
        nof_never_reached=nof_never_reached(ious, threshold, protocol.max_clicks),
    )

"""What `mfp calibrate` did, for a person."""

from __future__ import annotations

from collections.abc import Iterator

from mfp.quality_figures import QualityFigures
from pipelines.jobs.calibrate import Calibrated


def calibration_lines(done: Calibrated) -> Iterator[str]:
    """How far the quality can be trusted, then where it lies."""
    calibration = done.calibration
    yield (
        f"fitted to {calibration.num_masks:,} masks of {calibration.num_objects:,} objects on "
        f"{calibration.num_images:,} images; each figure is of qualities fitted to other images "
        f"({calibration.folds} groups)"
    )
    yield ""
    yield "after clicks   masks   Spearman with IoU      calibration error"
    yield "                       quality  expected IoU  quality  expected IoU"
    for after in calibration.figures:
        yield (
            f"{after.num_clicks:>12}  {after.calibrated.num_masks:>6,}   {_rank(after.calibrated):>7}  "
            f"{_rank(after.expected_iou):>12}  {after.calibrated.calibration_error:>7.3f}  "
            f"{after.expected_iou.calibration_error:>12.3f}"
        )
    yield ""
    yield "reliability after each number of clicks: mean quality -> mean IoU (masks)"
    for after in calibration.figures:
        bins = "  ".join(
            f"{one.quality:.2f} -> {one.iou:.2f} ({one.num_masks:,})" for one in after.calibrated.reliability
        )
        yield f"{after.num_clicks:>12}  {bins}"
    yield ""
    yield f"calibration: {done.url}; runs of model {calibration.conditions.model_id} take it as --calibration"


def _rank(figures: QualityFigures) -> str:
    return "-" if figures.spearman is None else f"{figures.spearman:.3f}"

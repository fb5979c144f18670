"""How far a quality can be trusted: its rank correlation with the IoU, and its calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
from annotated_types import Ge, Interval
from numpy.typing import NDArray

NUM_BINS: Final = 10
_FEWEST_RANKED: Final = 2


@dataclass(frozen=True)
class ReliabilityBin:
    """Masks whose quality lies in one tenth of [0, 1]: how many, and the means of their quality and IoU."""

    num_masks: Annotated[int, Ge(1)]
    quality: Annotated[float, Interval(ge=0, le=1)]
    iou: Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True)
class QualityFigures:
    """Of some masks with truth.

    Attributes:
        num_masks: how many.
        spearman: Spearman's rank correlation of quality and IoU, in [-1, 1]; None if one of them is the same
            everywhere.
        calibration_error: the mean of |mean quality - mean IoU| over the bins, each by its share of the masks, in
            [0, 1] (expected calibration error, Guo et al. 2017, with the IoU as accuracy).
        reliability: the bins that hold a mask, from the lowest quality on.
    """

    num_masks: Annotated[int, Ge(1)]
    spearman: Annotated[float, Interval(ge=-1, le=1)] | None
    calibration_error: Annotated[float, Interval(ge=0, le=1)]
    reliability: tuple[ReliabilityBin, ...]

    @classmethod
    def of(cls, quality: NDArray[np.float64], iou: NDArray[np.float64]) -> QualityFigures:
        """Of (N,) qualities and IoUs in [0, 1], one at least."""
        in_bin = np.minimum((quality * NUM_BINS).astype(np.int64), NUM_BINS - 1)
        bins = [
            ReliabilityBin(int(of.sum()), float(quality[of].mean()), float(iou[of].mean()))
            for of in (in_bin == index for index in np.unique(in_bin))
        ]
        gaps = sum(one.num_masks * abs(one.quality - one.iou) for one in bins)
        return cls(len(quality), _spearman(quality, iou), gaps / len(quality), tuple(bins))


def _spearman(quality: NDArray[np.float64], iou: NDArray[np.float64]) -> float | None:
    if len(np.unique(quality)) < _FEWEST_RANKED or len(np.unique(iou)) < _FEWEST_RANKED:
        return None
    from scipy import stats

    return float(np.clip(stats.spearmanr(quality, iou).statistic, -1, 1))

"""Fits a calibrated quality to masks whose IoU is known: logistic regression with the IoU as a fractional response.

Each mask counts twice, as good with the weight of its IoU and as bad with the rest (Papke and Wooldridge 1996), so
that the mean quality of masks is their mean IoU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfp.mask_quality import CalibratedQuality, features
from mfp.mask_signals import MaskSignals


@dataclass(frozen=True, eq=False)
class LabelledMasks:
    """Masks after a click, with their truth.

    Attributes:
        features: (N, F) float64, `mfp.mask_quality.features` of each.
        iou: (N,) float64 in [0, 1].
        fold: (N,) int64, of its image: all masks of an image lie in one fold.
    """

    features: NDArray[np.float64]
    iou: NDArray[np.float64]
    fold: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        signals: Sequence[MaskSignals],
        num_clicks: Sequence[int],
        iou: Sequence[float],
        fold: Sequence[int],
    ) -> LabelledMasks:
        """Of lists of N each."""
        rows = [features(of_mask, clicks) for of_mask, clicks in zip(signals, num_clicks, strict=True)]
        return cls(np.array(rows), np.array(iou, np.float64), np.array(fold, np.int64))

    def fit(self) -> CalibratedQuality:
        """The quality that fits all of them."""
        return self._fit_to(np.ones(len(self.iou), np.bool_))

    def cross_fitted(self) -> NDArray[np.float64]:
        """(N,): the quality of each mask by a fit to the other folds alone. There are two folds at least."""
        quality = np.empty(len(self.iou))
        for fold in np.unique(self.fold):
            is_here = self.fold == fold
            quality[is_here] = self._of(self._fit_to(~is_here), self.features[is_here])
        return quality

    def _fit_to(self, chosen: NDArray[np.bool_]) -> CalibratedQuality:
        from sklearn.linear_model import LogisticRegression

        rows, iou = self.features[chosen], self.iou[chosen]
        mean, scale = rows.mean(0), rows.std(0)
        scale[scale == 0] = 1.0  # the same everywhere: it says nothing
        even = (rows - mean) / scale
        is_good = np.repeat([1, 0], len(iou))
        model = LogisticRegression(max_iter=1000)
        model.fit(np.concatenate((even, even)), is_good, sample_weight=np.concatenate((iou, 1 - iou)))
        weights = model.coef_[0] / scale
        intercept = float(model.intercept_[0] - weights @ mean)
        return CalibratedQuality(intercept, *map(float, weights))

    @staticmethod
    def _of(quality: CalibratedQuality, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        total = rows @ np.array(quality.weights) + quality.intercept
        return np.asarray(1 / (1 + np.exp(-np.clip(total, -700, 700))))

"""What a session knows of its own mask without truth: the signals that a quality is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_SHIFT: Final = (
    1.0  # logits, as in the stability score of Segment Anything (Kirillov et al. 2023, appendix B)
)
_SMALLEST: Final = 1e-6  # a threshold of 0 or 1 has no logit


@dataclass(frozen=True)
class MapSignals:
    """What one answer of a model says of its own mask, in the region that the network saw.

    Attributes:
        expected_iou: the IoU that the probabilities expect of the mask, in [0, 1] (`expected_iou`).
        margin: mean of |2 p - 1| over the mask's pixels, in [0, 1]; 0 for an empty mask.
        stability: IoU, in [0, 1], of the masks whose thresholds lie a logit above and a logit below the model's; 0 if
            the larger of them is empty.
        flip_agreement: IoU, in [0, 1], of the masks of the image and of its mirror image, which are averaged; in
            pixels of the crop. 0 if both are empty. None if the model was not shown a mirror image.
        region_share: the mask's share of the region, in [0, 1]: small as long as the region has not zoomed in on it.
    """

    expected_iou: float
    margin: float
    stability: float
    flip_agreement: float | None
    region_share: float


@dataclass(frozen=True)
class MaskSignals:
    """What a session knows of its mask after a click. The first five as in `MapSignals`.

    Attributes:
        round_agreement: IoU of the mask with that before the click, in [0, 1]; 1 if both are empty.
        area_change: difference of the areas after and before the click, over the larger one, in [-1, 1].
    """

    expected_iou: float
    margin: float
    stability: float
    flip_agreement: float | None
    region_share: float
    round_agreement: float
    area_change: float

    @classmethod
    def of_round(
        cls, of_map: MapSignals, *, area_before: int, area_after: int, num_changed: int
    ) -> MaskSignals:
        """Those of an answer, and of the mask before and after it: pixels of both, and pixels that changed sides."""
        both = area_before + area_after
        return cls(
            of_map.expected_iou,
            of_map.margin,
            of_map.stability,
            of_map.flip_agreement,
            of_map.region_share,
            round_agreement=(both - num_changed) / (both + num_changed) if both else 1.0,
            area_change=(area_after - area_before) / max(area_after, area_before, 1),
        )


@dataclass(frozen=True)
class ShiftedThresholds:
    """The thresholds of `MapSignals.stability`, float32 values."""

    low: float
    high: float

    @classmethod
    def about(cls, threshold: float) -> ShiftedThresholds:
        """A logit below a model's threshold, and a logit above it."""
        logit = logit_of(threshold)
        return cls(_probability(logit - _SHIFT), _probability(logit + _SHIFT))


@dataclass(frozen=True)
class PixelSums:
    """Sums over the pixels of a region that the signals of an answer are made of; p is the probability of a pixel.

    Attributes:
        num_pixels: of the region.
        area: pixels of the mask.
        inside: sum of p over the mask.
        everywhere: sum of p over the region.
        margin: sum of |2 p - 1| over the mask.
        num_low, num_high: pixels above each of the shifted thresholds.
    """

    num_pixels: int
    area: float
    inside: float
    everywhere: float
    margin: float
    num_low: float
    num_high: float

    @classmethod
    def of(
        cls, prob: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], thresholds: ShiftedThresholds
    ) -> PixelSums:
        """Of (H, W) probabilities and their mask. Sums are float64."""
        in_mask = prob[mask]
        return cls(
            num_pixels=prob.size,
            area=in_mask.size,
            inside=float(in_mask.sum(dtype=np.float64)),
            everywhere=float(prob.sum(dtype=np.float64)),
            margin=float(np.abs(2 * in_mask - 1).sum(dtype=np.float64)),
            num_low=int(np.count_nonzero(prob > np.float32(thresholds.low))),
            num_high=int(np.count_nonzero(prob > np.float32(thresholds.high))),
        )

    def signals(self, flip_agreement: float | None) -> MapSignals:
        """The signals that are made of them."""
        return MapSignals(
            expected_iou=_iou_of_expectations(self.area, self.inside, self.everywhere),
            margin=self.margin / self.area if self.area else 0.0,
            stability=self.num_high / self.num_low if self.num_low else 0.0,
            flip_agreement=flip_agreement,
            region_share=self.area / self.num_pixels,
        )


def agreement(intersection: float, union: float) -> float:
    """The IoU of two masks, by pixels; 0 if both are empty."""
    return intersection / union if union else 0.0


def expected_iou(prob: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> float:
    """The IoU with the unknown truth that a probability map expects of its own mask.

    Each pixel belongs to the object with its probability p, whatever its neighbours do. The IoU is then about the
    expected intersection over the expected union: sum(p m) / (sum(m) + sum(p (1 - m))) (ours; a ratio of
    expectations, not the expectation of the ratio).

    Args:
        prob: (H, W) float32 in [0, 1].
        mask: (H, W) bool.

    Returns:
        In [0, 1]; 0 for an empty mask. Sums are float64.
    """
    area = int(np.count_nonzero(mask))
    inside = float(prob.sum(where=mask, dtype=np.float64))
    return _iou_of_expectations(area, inside, float(prob.sum(dtype=np.float64)))


def _iou_of_expectations(area: float, inside: float, everywhere: float) -> float:
    return 0.0 if area == 0 else min(inside / (area + max(everywhere - inside, 0.0)), 1.0)


def logit_of(probability: float) -> float:
    """The logit of a probability; that of the nearest one with a logit for 0 and 1."""
    inside = min(max(probability, _SMALLEST), 1 - _SMALLEST)
    return math.log(inside / (1 - inside))


def _probability(logit: float) -> float:
    return float(np.float32(1 / (1 + math.exp(-logit))))

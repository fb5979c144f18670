"""One score for a mask that needs no truth: the IoU that is expected of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final, Protocol, TypeAlias

from mfp.mask_signals import MaskSignals

_NEAREST: Final = 0.01  # an agreement of 1 has no logit
_SMALLEST_SHARE: Final = 1e-4  # an empty mask has no logarithm


class MaskQuality(Protocol):
    """How the signals of a mask become its quality."""

    def of(self, signals: MaskSignals, num_clicks: int) -> float:
        """In [0, 1], after so many clicks, 1 or more."""


@dataclass(frozen=True)
class ExpectedIou:
    """The quality of a model that nobody has calibrated: what its probabilities expect of the mask."""

    def of(self, signals: MaskSignals, num_clicks: int) -> float:
        """See MaskQuality."""
        return signals.expected_iou


EXPECTED_IOU: Final = ExpectedIou()


@dataclass(frozen=True)
class CalibratedQuality:
    """The IoU that a logistic model expects, fitted to masks whose IoU is known.

    The logistic function makes the quality of the sum of `intercept` and the features, each times its weight. The
    margin is not among them: on VOC val masks are ranked better without it (docs/certify.md).

    Attributes:
        intercept: of the sum.
        expected_iou, stability, flip_agreement, round_agreement: of the logits of these signals, which are at most that
            of 0.99 in size.
        no_flip: of 1 if the model was not shown a mirror image, so that there is no agreement, and 0 stands for its
            logit; else of 0.
        region_share: of the logarithm of the signal.
        area_change: of the signal; of 0 after the first click, before which there was no area.
        log_num_clicks: of the logarithm of the number of clicks.
        first_click: of 1 after the first click; else of 0.
    """

    intercept: float
    expected_iou: float
    stability: float
    flip_agreement: float
    no_flip: float
    region_share: float
    round_agreement: float
    area_change: float
    log_num_clicks: float
    first_click: float

    def of(self, signals: MaskSignals, num_clicks: int) -> float:
        """See MaskQuality."""
        row = features(signals, num_clicks)
        total = self.intercept + math.fsum(w * x for w, x in zip(self.weights, row, strict=True))
        return 1 / (1 + math.exp(-total)) if total >= 0 else math.exp(total) / (1 + math.exp(total))

    @property
    def weights(self) -> tuple[float, ...]:
        """Those of `features`, in their order."""
        return tuple(getattr(self, field.name) for field in fields(self) if field.name != "intercept")


Quality: TypeAlias = ExpectedIou | CalibratedQuality


def features(signals: MaskSignals, num_clicks: int) -> tuple[float, ...]:
    """What `CalibratedQuality` weighs, in the order of its fields."""
    is_first = num_clicks == 1
    flip = signals.flip_agreement
    return (
        _logit(signals.expected_iou),
        _logit(signals.stability),
        0.0 if flip is None else _logit(flip),
        float(flip is None),
        math.log(max(signals.region_share, _SMALLEST_SHARE)),
        _logit(signals.round_agreement),
        0.0 if is_first else signals.area_change,
        math.log(num_clicks),
        float(is_first),
    )


def _logit(agreement: float) -> float:
    clipped = min(max(agreement, _NEAREST), 1 - _NEAREST)
    return math.log(clipped / (1 - clipped))

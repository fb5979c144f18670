"""One score for a mask that needs no truth: the IoU that is expected of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal, Protocol, TypeAlias

from mfp.mask_signals import MaskSignals

SignalName: TypeAlias = Literal[
    "expected_iou",
    "margin",
    "stability",
    "flip_agreement",
    "region_share",
    "round_agreement",
    "area_change",
]
AGREEMENTS: Final[tuple[SignalName, ...]] = (
    *("expected_iou", "margin", "stability", "flip_agreement", "round_agreement"),
)
"""Signals in [0, 1] that rise with the IoU: their logits are what a calibration weighs."""
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

    Attributes:
        signals: which of the signals are weighed: flip agreement is left out for models without a mirror image.
        weights: of their features, in that order, and of two more: the logarithm of the number of clicks, and whether
            there was one only. The feature of an agreement is its logit, at most that of 0.99 in size; that of the
            share of the region is its logarithm; the change of the area stands for itself, and is 0 at the first click,
            before which there was no area.
        intercept: added to the weighted features; the logistic function makes the quality of the sum.
    """

    signals: tuple[SignalName, ...]
    weights: tuple[float, ...]
    intercept: float

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.signals) + 2:
            raise ValueError(
                f"{len(self.weights)} weights for {len(self.signals)} signals: there are two more than signals"
            )
        if len(set(self.signals)) < len(self.signals):
            raise ValueError(f"signals {', '.join(self.signals)}: each may be weighed once")

    def of(self, signals: MaskSignals, num_clicks: int) -> float:
        """See MaskQuality. ValueError if a signal is weighed that the mask does not have."""
        row = features(self.signals, signals, num_clicks)
        total = self.intercept + math.fsum(w * x for w, x in zip(self.weights, row, strict=True))
        return 1 / (1 + math.exp(-total)) if total >= 0 else math.exp(total) / (1 + math.exp(total))


Quality: TypeAlias = ExpectedIou | CalibratedQuality


def features(names: Sequence[SignalName], signals: MaskSignals, num_clicks: int) -> list[float]:
    """What `CalibratedQuality` weighs. ValueError if the mask has no such signal."""
    row: list[float] = []
    is_first = num_clicks == 1
    for name in names:
        value: float | None = getattr(signals, name)
        if value is None:
            raise ValueError(f"the mask has no {name}: calibrate on masks without it")
        if name in AGREEMENTS:
            clipped = min(max(value, _NEAREST), 1 - _NEAREST)
            row.append(math.log(clipped / (1 - clipped)))
        elif name == "region_share":
            row.append(math.log(max(value, _SMALLEST_SHARE)))
        else:
            row.append(0.0 if is_first else value)
    return [*row, math.log(num_clicks), float(is_first)]


def weighed_signals(signals: MaskSignals) -> tuple[SignalName, ...]:
    """The signals of a mask that a calibration weighs: all that it has, but the margin.

    On VOC val masks are ranked better without it (docs/certify.md).
    """
    return tuple(
        field.name  # type: ignore[misc]  # the fields are those of SignalName
        for field in fields(signals)
        if field.name != "margin" and getattr(signals, field.name) is not None
    )

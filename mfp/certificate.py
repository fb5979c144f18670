"""The largest set of masks of which a random audit shows, with a confidence, that most of them are good.

Quality only orders the masks: whatever it is, the promise holds. The sets are nested: all masks from a quality on. They
are tested from the best masks to more of them, each at the full level, until one fails: fixed-sequence testing (Bauer
1991, "Multiple testing in clinical trials"; for thresholds of a score: Angelopoulos et al. 2021, "Learn then Test",
section 2.4). The first set that breaks the promise is the only one whose test can do harm, so the chance that the
certified set breaks it is at most 1 - confidence. The sequence depends on the qualities and on the size of the audit,
not on which masks it drew or what they turned out to be.

The test of a set is exact: of its masks those that were audited are a draw without replacement, so that the number of
bad ones is hypergeometric. No normal approximation, and no binomial one, which would ask for more audited masks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
from annotated_types import Ge, Interval
from numpy.typing import NDArray

from mfp.promise import Promise

NUM_SETS: Final = 50


@dataclass(frozen=True)
class AuditedSet:
    """All masks with at least some quality, and what the audit says of them.

    Attributes:
        min_quality: of its masks.
        num_masks: in it.
        num_audited, num_bad: of them.
        p_value: the chance of so few bad ones in the audit if the set broke the promise as narrowly as it could.
    """

    min_quality: float
    num_masks: Annotated[int, Ge(1)]
    num_audited: Annotated[int, Ge(0)]
    num_bad: Annotated[int, Ge(0)]
    p_value: Annotated[float, Interval(ge=0, le=1)]


def nested_sizes(num_masks: int, num_audited: int, promise: Promise) -> NDArray[np.int64]:
    """The sizes of the sets, ascending, each at most `num_masks`.

    In the first one as many audited masks are expected as one bad one may be among; with smaller ones, a single bad
    mask ends it all. Later ones grow by equal steps.
    """
    first = min(num_masks, math.ceil(_fewest_with_one_bad(promise) * num_masks / max(num_audited, 1)))
    return np.unique(np.linspace(first, num_masks, NUM_SETS).round().astype(np.int64))


def nested_sets(
    quality: NDArray[np.float64],
    is_audited: NDArray[np.bool_],
    is_bad: NDArray[np.bool_],
    promise: Promise,
) -> tuple[AuditedSet, ...]:
    """All sets in the order in which they are tested, those after the first that fails included.

    Args:
        quality: (N,) of all masks; equals stand or fall together.
        is_audited: (N,) masks that were drawn at random, without a look at them or at their quality.
        is_bad: (N,) of the audited ones, those whose IoU is lower than promised; of the others nothing is read.
        promise: what is to be shown.
    """
    if not len(quality):
        return ()
    from scipy.stats import hypergeom

    order = np.argsort(-quality, kind="stable")
    ordered = quality[order]
    sizes = nested_sizes(len(quality), int(np.count_nonzero(is_audited)), promise)
    thresholds = np.unique(ordered[sizes - 1])[::-1]
    num_masks = np.searchsorted(-ordered, -thresholds, side="right")
    num_audited = np.cumsum(is_audited[order])[num_masks - 1]
    num_bad = np.cumsum((is_audited & is_bad)[order])[num_masks - 1]
    fewest_too_many = np.array([promise.most_bad(int(size)) + 1 for size in num_masks])
    p_values = hypergeom.cdf(num_bad, num_masks, fewest_too_many, num_audited)
    return tuple(
        AuditedSet(float(threshold), int(size), int(audited), int(bad), min(float(p_value), 1.0))
        for threshold, size, audited, bad, p_value in zip(
            thresholds, num_masks, num_audited, num_bad, p_values, strict=True
        )
    )


def fewest_audited(num_masks: int, promise: Promise) -> int:
    """How many of so many masks an audit must have to show the promise of all of them if it finds none bad.

    A smaller audit certifies nothing, whatever it finds.
    """
    from scipy.stats import hypergeom

    sizes = np.arange(1, num_masks + 1)
    p_values = hypergeom.pmf(0, num_masks, promise.most_bad(num_masks) + 1, sizes)
    return int(sizes[np.argmax(p_values <= 1 - promise.confidence)])


def certified_set(sets: tuple[AuditedSet, ...], promise: Promise) -> AuditedSet | None:
    """The last set before the first that fails; None if the first one does."""
    passed = None
    for one in sets:
        if one.p_value > 1 - promise.confidence:
            break
        passed = one
    return passed


def _fewest_with_one_bad(promise: Promise) -> int:
    """How many masks of an endless supply must be audited so that one bad one among them shows the promise."""
    bad, level = 1 - promise.share, 1 - promise.confidence
    low, high = 0, 1
    while _at_most_one(high, bad) > level:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _at_most_one(middle, bad) > level else (low, middle)
    return high


def _at_most_one(num_audited: int, bad: float) -> float:
    """The chance of at most one bad mask among so many, if that share of all is bad."""
    good = 1 - bad
    return float(good**num_audited + num_audited * bad * good ** (num_audited - 1))

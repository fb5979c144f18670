"""Whether later runs may pass for no worse than the first: what a continuous integration asks of a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from infra.json_text import JsonValue
from mfp.bootstrap import FEWEST_TRUSTED_IMAGES
from pipelines.counted import counted
from pipelines.errors import OptionError

if TYPE_CHECKING:
    from pipelines.jobs.comparison import ComparedRun, Comparison

_FIGURE = "noc90"


class GateVerdict(StrEnum):
    """Of a run against the first: NO_WORSE passes, the others do not.

    NO_WORSE: the whole interval of the difference lies at the margin or below. WORSE: the whole of it lies above.
    UNCERTAIN: the margin lies within it, so that the runs are too small to tell. UNDEFINED: nothing to judge by.
    """

    NO_WORSE = "no_worse"
    WORSE = "worse"
    UNCERTAIN = "uncertain"
    UNDEFINED = "undefined"


@dataclass(frozen=True)
class Judgement:
    """The verdict on one run, and why, in words."""

    run: str
    verdict: GateVerdict
    reason: str

    @property
    def passes(self) -> bool:
        """Whether the run is shown to be no worse."""
        return self.verdict is GateVerdict.NO_WORSE

    def __str__(self) -> str:
        return f"{self.run} {'passes' if self.passes else 'fails'}: {self.reason}"


@dataclass(frozen=True)
class Gate:
    """The verdicts on all runs but the first, for a margin in clicks of NoC@90."""

    margin: float
    judgements: tuple[Judgement, ...]

    @property
    def passes(self) -> bool:
        """Whether every run is shown to be no worse; false if there is none to judge."""
        verdicts = {judgement.verdict for judgement in self.judgements}
        return verdicts == {GateVerdict.NO_WORSE}

    def to_json(self) -> dict[str, JsonValue]:
        """For programs: `gate` of `mfp compare --fail-if-worse MARGIN --json`."""
        return {
            "figure": _FIGURE,
            "margin": self.margin,
            "passes": self.passes,
            "runs": [asdict(judgement) for judgement in self.judgements],
        }


def judged(comparison: Comparison, margin: float) -> Gate:
    """Judge every run but the first by its difference to the first in NoC@90.

    A run passes if the upper end of the 95 % interval of its difference is no more than `margin` clicks: it is shown
    to be no worse by more than that, and a run that is too small to tell does not pass. (That is a test of
    non-inferiority, nominally of 2.5 % one-sided; docs/comparison.md says what it is over few images.) To ask that the
    lower end lies above the margin, so that the run is proven worse, would pass every run with few images. False
    alarms are kept off by the margin, which is to be larger than half the width of the interval. The reason tells the
    two ways to fail apart.

    It is UNDEFINED, and fails, if the difference is not one of the models on the same data; if there are fewer images
    than `FEWEST_TRUSTED_IMAGES`, whose interval is too narrow; if a run is not finished or was ended when it was
    decided, since its interval would not allow for that; or if it lacks objects of the first, which may be those that
    it is bad at.

    Raises:
        OptionError: the margin is no number of clicks.
    """
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 <= margin < math.inf:
        raise OptionError(f"a margin of {margin!r} clicks: give a number of 0 or more, such as 0.2")
    first, *others = comparison.runs
    return Gate(margin, tuple(_judgement(run, first, comparison, margin) for run in others))


def _judgement(run: ComparedRun, first: ComparedRun, comparison: Comparison, margin: float) -> Judgement:
    reason = next(_why_undefined(run, first, comparison), None)
    difference = run.differences[_FIGURE]
    if reason is not None or difference is None or difference.interval is None:
        return Judgement(run.url, GateVerdict.UNDEFINED, f"it cannot be judged: {reason}")
    low, high = difference.interval
    found = (
        f"NoC@90 differs by {difference.mean:+.2f} [{low:+.2f}, {high:+.2f}] clicks from that of {first.url}"
    )
    if high <= margin:
        return Judgement(
            run.url, GateVerdict.NO_WORSE, f"{found}: it is shown to be no worse by more than {margin:g}"
        )
    if low > margin:
        return Judgement(
            run.url, GateVerdict.WORSE, f"{found}: it is shown to be worse by more than {margin:g}"
        )
    return Judgement(
        run.url,
        GateVerdict.UNCERTAIN,
        f"{found}: it is shown neither to be worse by more than {margin:g} nor to be no worse by more; evaluate more "
        "images, or allow more",
    )


def _why_undefined(run: ComparedRun, first: ComparedRun, comparison: Comparison) -> Iterator[str]:
    if not comparison.is_same_data:
        yield "the data sets differ"
    for one in (first, run):
        if one.unfinished is not None:
            yield f"{one.url} is not finished ({one.unfinished}): go on with it, without --until-decided"
    if run.num_missing:
        yield f"it lacks {counted(run.num_missing, 'object')} that {first.url} has; see the table errors of the run"
    difference = run.differences[_FIGURE]
    if difference is None:
        yield run.incomparable or "NoC@90 is not defined for both runs"
    if comparison.num_images < FEWEST_TRUSTED_IMAGES:
        yield (
            f"{counted(comparison.num_images, 'image')} are too few: the interval over fewer than "
            f"{FEWEST_TRUSTED_IMAGES} is too narrow to judge by; evaluate more"
        )

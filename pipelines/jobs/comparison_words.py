"""What a comparison says in words, on a terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator

from mfp.bootstrap import FEWEST_TRUSTED_IMAGES
from pipelines.counted import counted
from pipelines.jobs.comparison import MEAN_BOUNDARY_IOU, MEAN_IOU, NOC, ComparedRun, Comparison
from pipelines.jobs.object_changes import ObjectChange

HEADINGS = {name: f"NoC@{name.removeprefix('noc')}" for name in NOC} | {
    MEAN_IOU: "mean IoU",
    MEAN_BOUNDARY_IOU: "boundary IoU",
}
"""What figures are called."""
DECIMALS = dict.fromkeys(NOC, 2) | {MEAN_IOU: 3, MEAN_BOUNDARY_IOU: 3}
"""Digits behind the point with which they are told."""
_OF_ONE_OBJECT = dict.fromkeys(NOC, 0) | {MEAN_IOU: 3}


def remarks(comparison: Comparison) -> Iterator[str]:
    """What the figures are of, and what is to be known of them."""
    first, *others = comparison.runs
    for run in comparison.runs:
        if run.drawn:
            yield f"{run.url}: drawn clicks are {run.draws}"
    yield (
        f"{counted(comparison.num_objects, 'object')} of {counted(comparison.num_images, 'image')} that every run has; "
        "intervals are 95 %, bootstrapped over images"
    )
    if comparison.num_images < FEWEST_TRUSTED_IMAGES:
        yield f"intervals over fewer than {FEWEST_TRUSTED_IMAGES} images are too narrow"
    if not comparison.is_same_data:
        yield "the data sets differ: objects were matched by sample key and object id"
    for run in others:
        if run.incomparable:
            yield f"{run.url} and {first.url} differ by more than the model: {run.incomparable}"
    for run in comparison.runs:
        if run.decided is not None and run.unfinished is not None:
            yield f"{run.url} was ended when it was decided, and no interval here allows for that: go on with it"
    for run in comparison.runs:
        left_out = run.num_objects - comparison.num_objects
        if left_out:
            yield f"{run.url}: {counted(left_out, 'more object')}, which another run lacks"


def change_in_words(run: ComparedRun, first: ComparedRun) -> str:
    """How many objects got worse and better from the first run, and which one got most worse."""
    changes = run.changes
    assert changes is not None, "the caller asks for runs that have them"
    worse = counted(changes.num_worse, "object")
    counts = (
        f"{run.url}: {worse} got worse than in {first.url}, {changes.num_better:,} better "
        f"({HEADINGS[changes.figure]})"
    )
    worst = changes.worst(1)
    return f"{counts}; most of all {object_in_words(changes.figure, worst[0])}" if worst else counts


def object_in_words(figure: str, change: ObjectChange) -> str:
    """One object and its figure in both runs."""
    decimals = _OF_ONE_OBJECT[figure]
    return (
        f"object {change.object_id} of {change.sample_key}: {HEADINGS[figure]} {change.before:.{decimals}f} -> "
        f"{change.after:.{decimals}f}"
    )

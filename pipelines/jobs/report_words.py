"""What a report says in words, on a terminal and on a page."""

from __future__ import annotations

import math
from collections.abc import Iterator

from actors.specs.clicks import BOX_CENTRE
from infra.runs.commit import NONE_UNCLICKED
from mfp.robustness import Robustness
from pipelines.counted import counted
from pipelines.jobs.benchmarks import Benchmark
from pipelines.jobs.click_protocol import LOGGED
from pipelines.jobs.drawn_figures import DrawnNoc
from pipelines.jobs.report import Report
from pipelines.jobs.start_figures import StartFigures
from pipelines.jobs.thresholds import THRESHOLDS

_CLICKED_BY = {LOGGED: "clicks of a log", BOX_CENTRE: "one click in the middle of each box"}
_SHOWN_CLICKS = (1, 3, 5, 10, 20)


def shown_clicks(figures: StartFigures) -> tuple[int, ...]:
    """Clicks after which the mean IoU is told: some of them, and the last."""
    last = len(figures.mean_iou)
    return (*(click for click in _SHOWN_CLICKS if click < last), last)


def unfinished_in_words(report: Report) -> str:
    """What is missing of a run, why, and what the figures are of; empty if nothing is missing."""
    if report.unfinished is None:
        return ""
    if report.decided is None:
        return f"{report.unfinished}; the figures are of these alone"
    return f"{report.decided.in_words}; the figures are of the {report.num_shards:,} shards that are done"


def heading_of(report: Report, figures: StartFigures) -> str:
    """How the objects of one kind of start were clicked; empty if as the evaluation protocol does it."""
    protocol, start = report.protocol, figures.start
    start_settings = protocol.start
    words = []
    if start == "mask":
        words.append(
            f"from masks of mean IoU {figures.mean_start_iou:.3f}, {start_settings.changes} changes; a good "
            "start counts 0 clicks"
        )
    elif start == "box":
        words.append("from boxes")
    elif len(report.by_start) > 1:
        words.append("from nothing")
    if len(report.by_start) > 1:
        words.append(counted(figures.objects, "object"))
    if protocol.user in _CLICKED_BY:
        words.append(_CLICKED_BY[protocol.user])
    elif not protocol.is_published_one:
        words.append(f"clicks of the simulated user {protocol.user}, not the protocol's")
    if start_settings.overlap != "allow":
        words.append(f"objects of an image kept apart (--overlap {start_settings.overlap})")
    return "; ".join(words)[:1].upper() + "; ".join(words)[1:]


def why_undefined(report: Report) -> str:
    """Why a NoC of the report is not defined."""
    protocol = report.protocol
    if (
        protocol.is_simulated
        and protocol.target_iou is not None
        and protocol.target_iou < max(THRESHOLDS.values())
    ):
        return f"the sessions stopped at IoU {protocol.target_iou}"
    clicks = "logged clicks" if protocol.user == LOGGED else "clicks"
    return f"the {clicks} on some objects end below that IoU"


def published_in_words(benchmark: Benchmark) -> str:
    """Where the published figures of a benchmark come from."""
    remark = f"; {benchmark.remark}" if benchmark.remark else ""
    return (
        f"Published for {benchmark.name}: tables of the MFP paper (CVPR 2024), models trained on SBD unless the line "
        f"says otherwise{remark}"
    )


def draws_in_words(draws: DrawnNoc) -> str:
    """What the figures over drawn clicks mean."""
    return (
        f"{draws.num_draws} draws of the simulated user {draws.user}; spread: the worst tenth of each object's "
        "draws over the best; sizes: below 32 x 32, below 96 x 96, larger"
    )


def spread_in_words(draws: DrawnNoc, found: Robustness) -> str:
    """How far draws lie apart; empty if there is one draw, or if some objects need no click in their best draws."""
    return f"{found.spread:.1%}" if draws.num_draws > 1 and math.isfinite(found.spread) else ""


def quality_in_words(report: Report) -> str:
    """How far quality can be trusted, in one line; empty if no mask has both quality and IoU."""
    if not report.quality:
        return ""
    ranks = ", ".join(
        "-" if after.figures.spearman is None else f"{after.figures.spearman:.3f}" for after in report.quality
    )
    errors = ", ".join(f"{after.figures.calibration_error:.3f}" for after in report.quality)
    clicks = ", ".join(str(after.num_clicks) for after in report.quality)
    fitted = (
        "; fitted on this very data set: on other images it is worse" if report.is_calibrated_here else ""
    )
    return f"quality after {clicks} clicks: Spearman with IoU {ranks}, calibration error {errors}{fitted}"


def remarks(report: Report) -> Iterator[str]:
    """What is to be known of the clicks and objects beside the figures."""
    without_truth = report.objects - report.objects_with_truth
    if without_truth:
        yield f"{counted(without_truth, 'object')} without truth: no IoU, not in the figures above"
    if report.disobeyed_clicks:
        yield f"not obeyed: {counted(report.disobeyed_clicks, 'click')}; the mask has the pixel on the other side"
    if report.clamped_clicks:
        yield f"aimed outside the image, and made at its edge: {counted(report.clamped_clicks, 'click')}"
    if report.mean_divergence is not None:
        yield f"mean divergence from the annotators' last masks {report.mean_divergence:.3f} (1 - IoU)"
    if report.unclicked != NONE_UNCLICKED:
        yield f"not in the click log or start, and left out: {report.unclicked}"

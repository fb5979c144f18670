"""NoC over drawn clicks, from the draws in the directory of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count, takewhile

import numpy as np
from numpy.typing import NDArray

from infra.errors import RunDirectoryError
from infra.json_text import JsonValue
from infra.runs.run_config import RUN_FILE
from infra.storage.files import Storage, basename, join
from mfp.robustness import Robustness, robustness
from pipelines.inputs.run_record import request_of
from pipelines.jobs.evaluated_run import EvaluatedRun
from pipelines.jobs.thresholds import THRESHOLDS

_DRAWS_FOLDER = "robustness"
SIZES: Mapping[str, tuple[float, float]] = {
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, np.inf),
}
"""True areas in pixels, from the first to below the second: COCO's sizes."""
SIZED_AT = "90"
"""The threshold at which NoC is told by size."""


def draw_url(run_url: str, draw: int) -> str:
    """The directory of a draw, which counts from 0, of an evaluation."""
    return join(run_url, _DRAWS_FOLDER, f"draw-{draw:03d}")


@dataclass(frozen=True)
class DrawnNoc:
    """NoC of each object that a run and all of its draws have, with truth.

    Attributes:
        user: that made the draws.
        names: (num_objects,) as `RunObjects.names`, sorted.
        truth_area: (num_objects,) pixels.
        protocol: by threshold, (num_objects,) NoC of the run itself; a threshold whose NoC is not defined is left out.
        drawn: by threshold, (num_draws, num_objects).
        left_out: draws that do not count, each with the reason.
    """

    user: str
    names: NDArray[np.object_]
    truth_area: NDArray[np.float64]
    protocol: Mapping[str, NDArray[np.float64]]
    drawn: Mapping[str, NDArray[np.float64]]
    left_out: tuple[str, ...]

    @property
    def num_draws(self) -> int:
        """Draws that count."""
        return next((len(of_all) for of_all in self.drawn.values()), 0)

    def figures(self, threshold: str, of: NDArray[np.bool_]) -> Robustness | None:
        """Of some objects, (num_objects,) bool; None if NoC is not defined, there is no object, or NoC is 0."""
        if threshold not in self.drawn or not of.any() or not self.protocol[threshold][of].any():
            return None
        return robustness(self.protocol[threshold][of], self.drawn[threshold][:, of])

    def of_size(self, size: str) -> NDArray[np.bool_]:
        """(num_objects,): whether an object is of one of SIZES."""
        low, high = SIZES[size]
        return (self.truth_area >= low) & (self.truth_area < high)

    def rows(self) -> Iterator[tuple[str, Robustness | None]]:
        """What is shown: figures of all objects by IoU, then by the size of the object at one IoU, with headings."""
        everything = np.ones(len(self.names), np.bool_)
        for name in THRESHOLDS:
            yield f"{name} %", self.figures(name, everything)
        for size in SIZES:
            yield f"{SIZED_AT} %, {size}", self.figures(SIZED_AT, self.of_size(size))

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        everything = np.ones(len(self.names), np.bool_)
        parts = {"all": everything} | {size: self.of_size(size) for size in SIZES}
        return {
            "user": self.user,
            "draws": self.num_draws,
            "left_out": list(self.left_out),
            "noc": {
                part: {threshold: _json(self.figures(threshold, of)) for threshold in THRESHOLDS}
                for part, of in parts.items()
            },
        }


def read_draws(run_url: str, storage: Storage) -> DrawnNoc | None:
    """The draws of an evaluation, those that do not count among them; None if there are none.

    A draw counts if it is finished and differs from the evaluation in its clicks and seed alone.

    Raises:
        RunDirectoryError, MetricsError, StorageError: a part of the run or of a draw cannot be read.
    """
    all_urls = (draw_url(run_url, draw) for draw in count())
    urls = list(takewhile(lambda url: storage.exists(join(url, RUN_FILE)), all_urls))
    if not urls:
        return None
    base = EvaluatedRun.read(run_url, storage)
    draws: list[EvaluatedRun] = []
    left_out: list[str] = []
    for url in urls:
        draw = EvaluatedRun.read(url, storage)
        reason = _why_no_draw(draw, base, draws)
        if reason:
            left_out.append(f"{basename(url)}: {reason}")
        else:
            draws.append(draw)
    return _aligned(base, draws, tuple(left_out))


def _why_no_draw(draw: EvaluatedRun, base: EvaluatedRun, draws: Sequence[EvaluatedRun]) -> str:
    """Why a run is no draw beside an evaluation and its other draws; empty if it is one."""
    if draw.num_shards != draw.record.dataset.num_shards:
        return f"unfinished, {draw.num_shards} of {draw.record.dataset.num_shards} shards"
    if draw.repeated:
        return f"it has several samples of one key ({draw.repeated[0]})"
    if draws and draw.protocol.user != draws[0].protocol.user:
        return f"clicks of {draw.protocol.user}, not of {draws[0].protocol.user}"
    spec, of_base = draw.record.spec, base.record.spec
    clicks = replace(spec.clicks, source=of_base.clicks.source)
    alike = replace(
        draw.record,
        spec=replace(spec, out=of_base.out, seed=of_base.seed, clicks=clicks),
        given=replace(draw.record.given, clicks=base.record.given.clicks),
    )
    try:
        base.run.check(request_of(alike))
    except RunDirectoryError as error:
        return str(error)
    return ""


def _aligned(base: EvaluatedRun, draws: Sequence[EvaluatedRun], left_out: tuple[str, ...]) -> DrawnNoc:
    names = base.names
    for draw in draws:
        names = np.intersect1d(names, draw.names)
    nocs, of_base = [draw.nocs(names) for draw in draws], base.nocs(names)
    defined = [name for name in THRESHOLDS if nocs and all(name in one for one in (of_base, *nocs))]
    return DrawnNoc(
        user=draws[0].protocol.user if draws else "",
        names=names,
        truth_area=base.truth_area[np.searchsorted(base.names, names)],
        protocol={name: of_base[name] for name in defined},
        drawn={name: np.stack([one[name] for one in nocs]) for name in defined},
        left_out=left_out,
    )


def _json(figures: Robustness | None) -> dict[str, JsonValue] | None:
    return None if figures is None else dict(_finite(asdict(figures)))


def _finite(values: Mapping[str, float]) -> Iterator[tuple[str, JsonValue]]:
    for name, value in values.items():
        yield name, value if np.isfinite(value) else None

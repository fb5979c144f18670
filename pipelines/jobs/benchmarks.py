"""Benchmarks whose figures others have published, and which of them a run is of.

A data set is known by the content of its images and masks (`infra.shards.content_digest`), whatever its shards, keys
and order. Another copy, with the same pixels in files that were encoded anew, is not known: `mfp report --benchmark`
names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from actors.specs.reading import BenchmarkChoice
from actors.specs.start import NOTHING
from infra.json_text import JsonValue
from infra.shards.content_digest import ContentDigest, total
from mfp.evaluation_protocol import MAX_CLICKS
from pipelines.errors import OptionError

if TYPE_CHECKING:
    from pipelines.jobs.clicked_run import ClickedRun


@dataclass(frozen=True)
class PublishedRow:
    """Mean NoC at 85, 90 and 95 % that a model has in the literature."""

    model: str
    noc85: float
    noc90: float
    noc95: float


@dataclass(frozen=True)
class Benchmark:
    """Objects on which people compare click models.

    Attributes:
        name: that of the literature.
        objects: how many there are.
        content: digests of the copies that are known; there may be none.
        published: rows of the tables of the MFP paper (CVPR 2024); the models were trained on SBD if they do not say
            otherwise.
        remark: what is to be known of them; empty if nothing is.
    """

    name: str
    objects: int
    content: frozenset[ContentDigest]
    published: tuple[PublishedRow, ...]
    remark: str = ""

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        return {"name": self.name, "published": [asdict(row) for row in self.published]}


_MODELS: Final = (
    *("RITM HRNet-18", "CDNet ResNet-34", "SimpleClick ViT-B", "MFP ResNet-34", "MFP HRNet-18", "MFP ViT-B"),
    "MFP ViT-B (COCO+LVIS)",
)


def _benchmark(name: str, objects: int, table: str, *digests: str, remark: str = "") -> Benchmark:
    """`table` has a line a model, in the order of `_MODELS`."""
    lines = [[float(noc) for noc in line.split()] for line in table.strip().splitlines()]
    rows = tuple(PublishedRow(model, *nocs) for model, nocs in zip(_MODELS, lines, strict=True))
    return Benchmark(name, objects, frozenset(map(ContentDigest.from_hex, digests)), rows, remark)


BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "grabcut": _benchmark(
        "GrabCut",
        50,
        """
        1.76 2.04 3.66
        1.86 2.18 3.68
        1.40 1.54 2.16
        1.70 1.92 3.00
        1.52 1.60 2.90
        1.38 1.48 1.92
        1.34 1.42 1.70
        """,
    ),
    "berkeley": _benchmark(
        "Berkeley",
        100,
        """
        1.87 3.22 8.35
        1.95 3.27 8.29
        1.44 2.46 6.70
        1.71 3.37 7.94
        1.68 3.04 7.94
        1.39 2.17 6.18
        1.35 1.90 4.68
        """,
        "67841bd85c7bb42fc652bf9e7e4a7dabc22082d971f95bfce3646241ced79bfc",
    ),
    "davis": _benchmark(
        "DAVIS",
        345,
        """
        4.94 6.71 13.87
        5.00 6.89 14.24
        4.10 5.48 12.24
        4.97 7.78 14.93
        4.77 6.36 13.45
        3.92 5.32 11.27
        3.37 4.81 9.23
        """,
        "c0626a4753361d873f921b724cd643dc9a1c29ce108602333fb7f33a0bedb0fe",
        remark="they zoom to 600 pixels, ViT to 672",
    ),
    "sbd": _benchmark(
        "SBD",
        6671,
        """
        3.39 5.43 11.65
        5.18 7.89 14.27
        3.28 5.24 11.24
        3.92 6.21 12.47
        3.43 5.45 11.58
        3.21 5.24 11.20
        3.26 5.34 11.65
        """,
    ),
}
"""By the name that `--benchmark` takes."""


def benchmark_of(clicked: ClickedRun, choice: BenchmarkChoice) -> Benchmark | None:
    """The benchmark whose published figures may stand beside those of a run; None if there is none.

    Raises:
        OptionError: the choice names one, and the run is not of it or was clicked otherwise.
    """
    why_not = _why_not_comparable(clicked)
    if choice == "none":
        return None
    if choice == "auto":
        content = total(ContentDigest.from_hex(record.content) for record in clicked.commits)
        known = (one for one in BENCHMARKS.values() if content in one.content)
        return None if why_not else next((one for one in known if _has_objects_of(clicked, one)), None)
    named = BENCHMARKS[choice]
    if not why_not and not _has_objects_of(clicked, named):
        why_not = (
            f"it has {_num_with_truth(clicked):,} objects with truth, and {named.name} has {named.objects:,}"
        )
    if why_not:
        raise OptionError(
            f"--benchmark {choice}: the published figures do not compare with {clicked.run.url}: {why_not}; leave "
            "--benchmark out"
        )
    return named


def _has_objects_of(clicked: ClickedRun, benchmark: Benchmark) -> bool:
    num_objects: int = clicked.objects.objects.num_rows
    return _num_with_truth(clicked) == num_objects == benchmark.objects


def _num_with_truth(clicked: ClickedRun) -> int:
    return int(np.count_nonzero(clicked.objects.has_truth))


def _why_not_comparable(clicked: ClickedRun) -> str:
    """Why the run was not clicked as published ones are, or has not ended; empty if it was and has."""
    protocol = clicked.protocol
    if len(clicked.commits) != clicked.record.dataset.num_shards:
        return "it is not finished"
    if not protocol.is_published_one:
        return f"clicks of {protocol.user}, not of the protocol's user"
    if protocol.max_clicks != MAX_CLICKS:
        return f"{protocol.max_clicks} clicks at most, not {MAX_CLICKS}"
    if protocol.start.source != NOTHING:
        return f"objects started from {protocol.start_in_words}, not from nothing"
    if protocol.start.overlap != "allow":
        return f"objects of an image were kept apart (--overlap {protocol.start.overlap})"
    return ""

"""How many Ray actors work, and what each of them reserves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge
from typing_extensions import Doc

from actors.specs.marks import Option

RayAddress = Annotated[
    str | None,
    Option(metavar="ADDRESS", shown_default="a Ray of its own on this machine"),
    Doc("Running Ray cluster to work on, such as head:6379 or auto."),
]
CpusPerWorker = Annotated[float, Ge(0.1), Doc("Cores (and threads) of one worker.")]
GpusPerWorker = Annotated[
    float,
    Ge(0.01),
    Doc("Share of a GPU of one worker, if the device is CUDA: 0.5 puts two workers on one."),
]
LoaderWorkers = Annotated[
    int,
    Ge(0),
    Doc("Processes of each training worker that decode and augment images; 0: it does so itself."),
]


class _Counted:
    """Workers whose field `count` says how many there may be."""

    count: str

    def __post_init__(self) -> None:
        parse_count(self.count)

    @property
    def minimum(self) -> int:
        """Fewest workers that a run goes on with."""
        return parse_count(self.count)[0]

    @property
    def maximum(self) -> int:
        """Most workers that a run asks for."""
        return parse_count(self.count)[1]


@dataclass(frozen=True)
class Workers(_Counted):
    """Workers that label. `gpus_per_worker` counts only if the device is CUDA, and does not limit a GPU's memory."""

    count: Annotated[str, Option("--workers", "N|MIN:MAX"), Doc("Ray actors at work.")] = "1"
    cpus_per_worker: CpusPerWorker = 1.0
    gpus_per_worker: GpusPerWorker = 1.0
    ray_address: RayAddress = None


@dataclass(frozen=True)
class TrainWorkers(_Counted):
    """Workers that train, each with processes that load its data."""

    count: Annotated[
        str,
        Option("--workers", "N|MIN:MAX"),
        Doc("Ray Train workers that share every batch; with MIN:MAX as many as there is room for."),
    ] = "1"
    cpus_per_worker: Annotated[
        Annotated[float, Ge(0.1)] | Literal["share"],
        Doc("Cores (and threads) of one worker. share: this machine's cores are shared out; 1 on a cluster."),
    ] = "share"
    gpus_per_worker: GpusPerWorker = 1.0
    loader_workers: LoaderWorkers = 1
    ray_address: RayAddress = None


@dataclass(frozen=True)
class FlywheelWorkers:
    """Workers that label and workers that train, which share a cluster."""

    label_workers: Annotated[str, Option(metavar="N|MIN:MAX"), Doc("Ray actors that label.")] = "1"
    train_workers: Annotated[str, Option(metavar="N|MIN:MAX"), Doc("Ray Train workers beside them.")] = "1"
    cpus_per_worker: CpusPerWorker = 1.0
    gpus_per_worker: GpusPerWorker = 1.0
    loader_workers: LoaderWorkers = 1
    ray_address: RayAddress = None

    def __post_init__(self) -> None:
        parse_count(self.label_workers)
        parse_count(self.train_workers)

    @property
    def labelling(self) -> Workers:
        """Those that label."""
        return Workers(self.label_workers, self.cpus_per_worker, self.gpus_per_worker, self.ray_address)

    @property
    def training(self) -> TrainWorkers:
        """Those that train."""
        return TrainWorkers(
            self.train_workers,
            self.cpus_per_worker,
            self.gpus_per_worker,
            self.loader_workers,
            self.ray_address,
        )


def parse_count(text: str) -> tuple[int, int]:
    """`4` -> (4, 4), `2:8` -> (2, 8): at least, at most. ValueError if the text is neither."""
    if not isinstance(text, str):
        raise ValueError(f'{text!r} is no text: write "4" or "2:8"')
    first, colon, last = text.partition(":")
    try:
        minimum, maximum = int(first), int(last if colon else first)
    except ValueError:
        raise ValueError(f"{text!r} is neither a number of workers nor MIN:MAX") from None
    if not 1 <= minimum <= maximum:
        raise ValueError(f"{text!r}: needs 1 <= MIN <= MAX")
    return minimum, maximum

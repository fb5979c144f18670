"""The benchmarks by name. Another one is a file beside this one and a line in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from actors.specs.bench import BenchName, BenchSpec
from pipelines.benchmarks.engine import bench_engine
from pipelines.benchmarks.pieces.job import bench_pieces
from pipelines.benchmarks.pipeline import bench_pipeline
from pipelines.benchmarks.result import BenchResult
from pipelines.benchmarks.sequential import bench_sequential
from pipelines.benchmarks.train import bench_train

BENCHES: Final[Mapping[BenchName, Callable[[BenchSpec], BenchResult]]] = {
    "engine": bench_engine,
    "sequential": bench_sequential,
    "pipeline": bench_pipeline,
    "train": bench_train,
    "pieces": bench_pieces,
}

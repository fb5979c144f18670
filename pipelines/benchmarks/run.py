"""A benchmark from its specification to its figures."""

from __future__ import annotations

import json
from dataclasses import replace

from actors.specs.bench import BenchSpec
from actors.specs.checked import checked
from infra.storage.files import Storage
from pipelines.benchmarks.profiling import profiled
from pipelines.benchmarks.registry import BENCHES
from pipelines.benchmarks.result import BenchResult


def run_bench(spec: BenchSpec) -> BenchResult:
    """Measure, and write the figures where the specification says.

    Raises:
        PipelineError, ActorsError, InfraError, MfpError: what it names is not there, or what it runs fails.

    """
    spec = checked(BenchSpec, spec)
    result = BENCHES[spec.name](spec)
    if spec.profile:
        result = replace(result, costs=profiled(spec))
    if spec.out is not None:
        Storage(spec.storage).write_bytes(spec.out, json.dumps(result.to_json(), indent=1).encode())
    return result

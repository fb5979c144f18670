"""The command that measures this system: bench."""

from __future__ import annotations

import json

import typer

from actors.specs.bench import BenchSpec
from pipelines.commands.shared_options import JsonOption
from pipelines.commands.spec_command import SpecCommand


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    SpecCommand(BenchSpec, "Models").add_to(app, bench)


def bench(spec: BenchSpec, as_json: JsonOption = False) -> None:
    """Measure what the engine, its pipeline, training or single pieces cost beside the bare work, in one run.

    For example: mfp bench sequential --model lite0 --objects 8 --clicks 10
    """
    from pipelines.benchmarks.run import run_bench
    from pipelines.commands.terminal import print_result
    from pipelines.views.bench import BenchView

    result = run_bench(spec)
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=1))
    else:
        print_result(BenchView(result))

"""The command line with jobs that do nothing but end as they are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.jobs.label import RunSummary


def mfp(*args: str) -> Result:
    return CliRunner().invoke(app, list(args))


def summary(errors: int = 0) -> RunSummary:
    return RunSummary(objects=1204, clicks=5000, errors=errors, seconds=200.0, shards=12, skipped_shards=2)


def failing(error: BaseException) -> Callable[..., Any]:
    def run(*args: object) -> None:
        raise error

    return run

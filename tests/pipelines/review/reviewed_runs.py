"""Runs of the demonstration images and of small shapes, and what serves their review."""

from __future__ import annotations

import http.client
import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from actors.specs.review import ReviewSpec
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from pipelines.jobs.review.desk import Desk
from tests.actors.shapes import write_shapes
from tests.pipelines.past_runs import label_here
from tests.specs import label_spec

STORAGE = Storage()
ROOT = Path(__file__).parents[3]
_SECONDS_TO_START = 120


def shapes_run(folder: Path, *, model: str = "analytic", **settings: Any) -> RunDirectory:
    """A run over six images of shapes in two shards, two clicks an object."""
    write_shapes(str(folder / "data"), STORAGE, num_samples=6, samples_per_shard=3)
    spec = label_spec(
        str(folder / "data"), str(folder / "run"), model, **{"zoom_size": 96, "max_clicks": 2} | settings
    )
    return label_here(spec)


def desk_of(run: RunDirectory, reviewer: str = "Ada") -> Desk:
    """A desk of a reviewer of their own."""
    return Desk(ReviewSpec(run=run.url, reviewer=reviewer), run.storage)


@dataclass
class Server:
    """`mfp review` in a process of its own."""

    process: subprocess.Popen[str]
    url: str

    def ask(
        self,
        name: str,
        body: object = None,
        *,
        path: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and answer of a request; OSError if nothing answers. `path` stands for the one with the token."""
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(where.netloc, timeout=60)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(
                "GET" if body is None else "POST",
                (where.path if path is None else path) + name,
                sent,
                {"Content-Type": "application/json"} | (headers or {}),
            )
            answer = connection.getresponse()
            data = answer.read()
            is_json = answer.headers.get_content_type() == "application/json"
            return answer.status, json.loads(data) if is_json else data
        except http.client.HTTPException as error:
            raise OSError(str(error)) from None
        finally:
            connection.close()


@contextmanager
def served(run_url: str, *options: str) -> Iterator[Server]:
    """A server of a run, at any free port; killed at the end."""
    command = [sys.executable, "-m", "pipelines", "review", run_url, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None, "it was asked for"
            ready, _, _ = select.select([process.stdout], [], [], _SECONDS_TO_START)
            line = process.stdout.readline() if ready else ""
            assert line.startswith("open http://"), line
            yield Server(process, line.split()[1])
        finally:
            process.kill()


def decision(one: dict[str, Any], verdict: str, after: int = 0, **changes: Any) -> dict[str, Any]:
    """What the page sends for an object of the queue."""
    clicks = [{"y": y, "x": x, "is_foreground": adds} for y, x, adds in changes.pop("clicks", [])]
    return {
        "object": {"shard": one["shard"], "key": one["key"], "id": one["id"], "clicks": clicks},
        "after": after,
        "decision": f"{time.monotonic_ns()}",
        "verdict": verdict,
        "reviewer": "",
    } | changes

"""Labelling the shapes into a run directory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from actors.labelling.hand_out import Assignment
from actors.labelling.shard_labeller import ShardSummary
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest
from infra.storage.files import Storage
from tests.actors.shapes import (
    OneModelLabeller,
)
from tests.infra.requests import asked

STORAGE = Storage()


def new_run(folder: Path) -> RunDirectory:
    run = RunDirectory(str(folder), STORAGE)
    run.open(asked())
    return run


def label_all(
    shards: OneModelLabeller, manifest: DatasetManifest, *, at_once: int = 2, attempt: str = "1"
) -> list[ShardSummary]:
    assignments = [Assignment(shard, f"{attempt}_{number}") for number, shard in enumerate(manifest.shards)]
    with ThreadPoolExecutor(at_once) as callers:
        return list(callers.map(shards.label, assignments))

"""A driver without Ray: the steps of a labelling run, shard by shard, each in a labeller of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actors.labelling.hand_out import Assignment
from actors.labelling.object_sessions import ObjectSessions
from actors.labelling.shard_labeller import ReadShard
from infra.json_text import JsonValue
from infra.runs.commit import CommitOutcome
from infra.runs.commit_guard import guarded
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import load_manifest
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import SessionLimits
from tests.actors.shapes import OneModelLabeller, reader_of, shape_sample
from tests.infra.requests import asked

CONFIG: dict[str, JsonValue] = {"job": "faults", "max_clicks": 3}
LIMITS = SessionLimits(max_clicks=3, target_iou=0.9)


def write_small_dataset(url: str, storage: Storage) -> None:
    """Two shards of two images with one or two objects."""
    samples = (shape_sample(index, num_objects=1 + index % 2) for index in range(4))
    write_dataset(samples, url, storage, 2)


def do_what_is_missing(
    run_url: str,
    data_url: str,
    storage: Storage,
    attempts: Iterator[int],
    through: Callable[[ReadShard], ReadShard] = lambda read: read,
) -> None:
    """One life of a driver, from its first step to the last; `through` wraps how workers read a shard."""
    manifest = load_manifest(storage, data_url)
    with guarded(RunDirectory(run_url, storage)) as guard:
        run = guard.run
        run.open(asked(CONFIG))
        committed = run.committed()
        for shard in manifest.shards:
            if shard.name in committed:
                continue
            engine = Engine(AnalyticClickModel(), EngineSettings(batch_size=4, zoom_size=48, flip="off"))
            read = through(reader_of(manifest, storage))
            objects = ObjectSessions(LIMITS)
            worker = OneModelLabeller(engine, objects, read, run, driver_commits=guard.driver_commits)
            try:
                summary = worker.label(Assignment(shard, f"{next(attempts)}_x"))
            finally:
                worker.close()
            if summary.outcome is CommitOutcome.PENDING:
                guard.commit(summary.record)
        guard.check()
        run.delete_orphans()


def tables_and_named_parts(run: RunDirectory) -> tuple[set[str], set[str]]:
    """The part files that are there, and those that commit records name; paths below the run directory."""
    there = {
        f"{table}/{url.rsplit('/', 1)[1]}"
        for table in ("masks", "clicks", "errors")
        for url in run.storage.list(f"{run.url}/{table}")
    }
    named = {part.path for record in run.committed().values() for part in record.parts.values()}
    return there, named

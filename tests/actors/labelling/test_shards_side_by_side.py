"""Shards that follow each other through one engine: what joins, what waits, how far decoding runs ahead."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from torch import Tensor

from actors.labelling.hand_out import Assignment
from actors.labelling.object_sessions import ObjectKey, ObjectSessions
from actors.labelling.shard_labeller import ShardLabeller
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest, ShardEntry
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote
from mfp.click_model import CropBatch
from mfp.engine import Engine, OnRefused, raise_refusal
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import FinishedSession, Session
from tests.actors.labelling.labelled_shapes import STORAGE, new_run
from tests.actors.shapes import (
    LIMITS,
    ZOOM_SIZE,
    OneModelLabeller,
    reader_of,
    shape_sample,
)
from tests.waiting import HANGS


class GatedModel(AnalyticClickModel):
    """Waits for the gate to open before every pass."""

    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self.gate = gate

    def predict(self, batch: CropBatch) -> Tensor:
        assert self.gate.wait(HANGS)
        return super().predict(batch)


class RecordingEngine(Engine):
    """Remembers which attempt's sessions began and ended, in order."""

    def __init__(
        self, network: AnalyticClickModel, batch_size: int, events: list[tuple[str, str]] | None = None
    ) -> None:
        super().__init__(network, EngineSettings(batch_size=batch_size, zoom_size=ZOOM_SIZE))
        self.events: list[tuple[str, str]] = [] if events is None else events

    def run(
        self, sessions: Iterable[Session | None], on_refused: OnRefused = raise_refusal
    ) -> Iterator[FinishedSession]:
        for finished in super().run(self._recorded(sessions), on_refused):
            self._record("end", finished.key)
            yield finished

    def _recorded(self, sessions: Iterable[Session | None]) -> Iterator[Session | None]:
        for session in sessions:
            if session is not None:
                self._record("begin", session.key)
            yield session

    def _record(self, event: str, key: object) -> None:
        assert isinstance(key, ObjectKey)
        self.events.append((event, key.attempt))


def test_the_next_shards_samples_join_while_the_last_sessions_of_one_end(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    all_was_read = threading.Event()
    engine = RecordingEngine(GatedModel(all_was_read), batch_size=4)

    def read(shard: ShardEntry) -> Iterator[ShardItem | ShardNote]:
        yield from reader_of(dataset, STORAGE)(shard)
        if was_read:
            all_was_read.set()
        was_read.append(shard.name)

    was_read: list[str] = []
    shards = OneModelLabeller(engine, ObjectSessions(LIMITS), read, new_run(tmp_path), "analytic")
    with ThreadPoolExecutor(2) as callers:
        list(callers.map(shards.label, [Assignment(shard, shard.name) for shard in dataset.shards[:2]]))
    shards.close()
    first, second = was_read
    last_end_of_first = max(i for i, event in enumerate(engine.events) if event == ("end", first))
    assert engine.events.index(("begin", second)) < last_end_of_first


def test_a_shard_of_another_model_waits_until_the_sessions_before_it_have_ended(
    tmp_path: Path, dataset: DatasetManifest, expected: RunDirectory
) -> None:
    all_was_read = threading.Event()
    events: list[tuple[str, str]] = []
    engines = [RecordingEngine(GatedModel(all_was_read), batch_size=4, events=events) for _ in range(2)]
    for number, engine in enumerate(engines):
        engine.identity = f"model-{number}"

    def read(shard: ShardEntry) -> Iterator[ShardItem | ShardNote]:
        yield from reader_of(dataset, STORAGE)(shard)
        was_read.append(shard.name)
        if len(was_read) == len(dataset.shards):
            all_was_read.set()

    was_read: list[str] = []
    run = new_run(tmp_path)
    shards = ShardLabeller(ObjectSessions(LIMITS), read, run)
    by_shard = {shard.name: engines[number // 2 % 2] for number, shard in enumerate(dataset.shards)}
    with ThreadPoolExecutor(len(dataset.shards)) as callers:
        list(
            callers.map(
                lambda shard: shards.label(Assignment(shard, shard.name), by_shard[shard.name]),
                dataset.shards,
            )
        )
    shards.close()
    in_flight: Counter[str] = Counter()
    for event, shard in events:
        in_flight[by_shard[shard].identity] += 1 if event == "begin" else -1
        assert sum(count > 0 for count in in_flight.values()) <= 1, "one model at a time"
    found = run.read_masks(["shard", "model_id"]).to_pylist()
    assert {(row["shard"], row["model_id"]) for row in found} == {
        (name, model.identity) for name, model in by_shard.items()
    }
    assert {record.shard: record.model_id for record in run.committed().values()} == {
        name: model.identity for name, model in by_shard.items()
    }
    columns = ["sample_key", "object_id", "rle", "iou"]
    order = [("sample_key", "ascending"), ("object_id", "ascending")]
    assert run.read_masks(columns).sort_by(order) == expected.read_masks(columns).sort_by(order)


def test_an_error_in_one_model_does_not_keep_the_next_one_from_its_shard(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    class Failing(AnalyticClickModel):
        def predict(self, batch: CropBatch) -> Tensor:
            raise RuntimeError("a bad model")

    settings = EngineSettings(batch_size=4, zoom_size=ZOOM_SIZE)
    shards = ShardLabeller(ObjectSessions(LIMITS), reader_of(dataset, STORAGE), new_run(tmp_path))
    shard = dataset.shards[0]
    with pytest.raises(RuntimeError, match="a bad model"):
        shards.label(Assignment(shard, "1"), Engine(Failing(), settings, identity="bad"))
    good = Engine(AnalyticClickModel(), settings, identity="good")
    assert shards.label(Assignment(shard, "2"), good).counts.objects == shard.objects
    shards.close()


def test_decoding_ahead_stops_at_the_pixel_limit_however_long_the_shard(tmp_path: Path) -> None:
    num_samples, limit, batch_size = 200, 20_000, 2
    num_read = 0
    read_enough = threading.Event()

    def read(shard: ShardEntry) -> Iterator[ShardItem | ShardNote]:
        nonlocal num_read
        for index in range(num_samples):
            num_read += 1
            if num_read == 6:
                read_enough.set()
            yield shape_sample(index, num_objects=1)

    gate = threading.Event()
    engine = Engine(GatedModel(gate), EngineSettings(batch_size=batch_size, zoom_size=32))
    shards = OneModelLabeller(engine, ObjectSessions(LIMITS), read, new_run(tmp_path), "analytic", limit)
    with ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(shards.label, Assignment(ShardEntry("long.tar", 1), "1"))
        assert read_enough.wait(HANGS)
        threading.Event().wait(0.3)  # time to read too far, if it were to
        smallest = 40 * 40
        assert num_read <= batch_size + limit // smallest + 2
        gate.set()
        assert waiting.result(HANGS).counts.objects == num_samples
    shards.close()

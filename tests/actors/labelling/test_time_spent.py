"""Records say where the seconds of a shard went, and over a run they add up, however shards overlap."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from actors.labelling.hand_out import Assignment
from actors.labelling.object_sessions import DecodedSample, ObjectSessions, PlannedObject
from infra.runs.commit import CommitOutcome
from infra.runs.part_writer import PartWriter
from infra.runs.run_directory import RunDirectory
from infra.runs.time_spent import PARTS, TimeSpent
from infra.shards.manifest import DatasetManifest, ShardEntry
from infra.shards.sample import Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote
from infra.storage.files import Storage
from mfp.click_model import CropBatch, Image, SessionTurn
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import Mask, Session, SessionLimits
from tests.actors.labelling.labelled_shapes import STORAGE, label_all, new_run
from tests.actors.shapes import ZOOM_SIZE, OneModelLabeller, reader_of
from tests.infra.requests import asked
from tests.mfp.click_models import Growing, GrowingModel

PAUSE = 0.1
ONE_CLICK = SessionLimits(max_clicks=1, target_iou=None)


class SlowPart:
    """Sleeps wherever the work comes past that belongs to one part."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.seconds = 0.0

    def at(self, part: str) -> None:
        if part == self.part:
            time.sleep(PAUSE)
            self.seconds += PAUSE


class SlowSessions(ObjectSessions):
    def __init__(self, slow: SlowPart) -> None:
        super().__init__(ONE_CLICK)
        self._slow = slow

    def decode(self, sample: Sample) -> DecodedSample:
        self._slow.at("decoding")
        return super().decode(sample)

    def session(
        self, decoded: DecodedSample, planned: PlannedObject, excluded: Mask | None = None
    ) -> Session:
        self._slow.at("opening")
        return super().session(decoded, planned, excluded)


class SlowModel(AnalyticClickModel):
    def __init__(self, slow: SlowPart) -> None:
        super().__init__()
        self._slow = slow

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        self._slow.at("clicking")
        return super().crop_size(height, width, zoom_size)

    def predict(self, batch: CropBatch) -> Tensor:
        self._slow.at("network")
        return super().predict(batch)


class SlowStorage(Storage):
    def __init__(self, slow: SlowPart) -> None:
        super().__init__()
        self._slow = slow

    def write_file(self, url: str, path: Path) -> None:
        for _ in range(4):  # there are only three files
            self._slow.at("storing")
        super().write_file(url, path)


def slow_appends(slow: SlowPart) -> Callable[[PartWriter[Any], Any], None]:
    plain = PartWriter.append

    def append(writer: PartWriter[Any], row: Any) -> None:
        slow.at("rows")
        plain(writer, row)

    return append


@pytest.mark.usefixtures(
    "expected"
)  # what is imported when it is first needed takes longer than what is slow here
@pytest.mark.parametrize("part", [part for part in PARTS if part != "waiting"])
def test_seconds_are_found_in_the_part_in_which_they_were_spent(
    tmp_path: Path, dataset: DatasetManifest, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowPart(part)

    def read(shard: ShardEntry) -> Iterator[ShardItem | ShardNote]:
        for item in reader_of(dataset, STORAGE)(shard):
            slow.at("reading")
            yield item

    monkeypatch.setattr(PartWriter, "append", slow_appends(slow))
    run = RunDirectory(str(tmp_path), SlowStorage(slow))
    run.open(asked())
    settings = EngineSettings(batch_size=2, zoom_size=ZOOM_SIZE)
    shards = OneModelLabeller(Engine(SlowModel(slow), settings), SlowSessions(slow), read, run)
    summary = shards.label(Assignment(dataset.shards[0], "1"))
    shards.close()
    record = run.record_of(dataset.shards[0].name)
    assert record == summary.record
    spent = record.spent
    wall = record.seconds
    assert slow.seconds >= 3 * PAUSE
    assert slow.seconds <= asdict(spent)[part] <= wall
    others = {name: seconds for name, seconds in asdict(spent).items() if name not in {part, "waiting"}}
    assert max(others.values()) < asdict(spent)[part]
    if part in {"reading", "decoding"}:
        assert spent.waiting > 0.5 * slow.seconds, "nothing else kept the engine busy meanwhile"
    # on a busy machine threads wait for their turn too
    assert 0.7 * summary.seconds - PAUSE < spent.engine <= summary.seconds


class SlowGrowingModel(GrowingModel):
    """Takes sessions of several shards in one pass, and measures itself."""

    def __init__(self) -> None:
        super().__init__(max_sessions=4)
        self.seconds = 0.0

    def prepare(self, image: Image) -> NDArray[np.float32]:
        with self._slowly():
            return super().prepare(image)

    def begin(self, image: Image, shared: NDArray[np.float32]) -> Growing:
        with self._slowly():
            return super().begin(image, shared)

    def predict(self, turns: Sequence[SessionTurn]) -> list[NDArray[np.float32]]:
        with self._slowly():
            return super().predict(turns)

    @contextmanager
    def _slowly(self) -> Iterator[None]:
        began = time.perf_counter()
        time.sleep(PAUSE / 4)
        yield
        self.seconds += time.perf_counter() - began


def test_the_sum_over_a_run_is_what_was_spent_though_shards_share_passes(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    run, model = new_run(tmp_path), SlowGrowingModel()
    objects = ObjectSessions(SessionLimits(max_clicks=2, target_iou=None))
    shards = OneModelLabeller(
        Engine(model, EngineSettings(batch_size=8)), objects, reader_of(dataset, STORAGE), run
    )
    began = time.perf_counter()
    label_all(shards, dataset, at_once=2)
    wall = time.perf_counter() - began
    shards.close()
    records = list(run.committed().values())
    total = TimeSpent.total([record.spent for record in records])
    assert len(records) == 4
    assert all(record.spent.network > PAUSE / 2 for record in records)
    assert model.seconds <= total.network < 1.2 * model.seconds
    # of two shards at once each was under way for longer: only what is shared out adds up to the one thread's time
    assert sum(record.seconds for record in records) > 1.2 * wall
    assert 0.7 * wall < total.engine <= wall


def test_steps_in_the_click_table_take_what_the_record_says_of_network_and_clicks(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    run = new_run(tmp_path)
    engine = Engine(AnalyticClickModel(), EngineSettings(zoom_size=ZOOM_SIZE))
    shards = OneModelLabeller(engine, ObjectSessions(ONE_CLICK), reader_of(dataset, STORAGE), run)
    label_all(shards, dataset)
    shards.close()
    clicks = run.read_clicks(["shard", "seconds"]).to_pylist()
    for name, record in run.committed().items():
        seconds = sum(row["seconds"] for row in clicks if row["shard"] == name)
        assert 0 < record.spent.network < seconds < record.spent.network + record.spent.clicking


def test_an_attempt_that_lost_leaves_no_seconds_in_the_run(tmp_path: Path, dataset: DatasetManifest) -> None:
    slow = SlowPart("network")
    run = new_run(tmp_path)
    read = reader_of(dataset, STORAGE)
    settings = EngineSettings(zoom_size=ZOOM_SIZE)
    summaries = []
    for attempt, model in (("1", AnalyticClickModel()), ("2", SlowModel(slow))):
        shards = OneModelLabeller(Engine(model, settings), ObjectSessions(ONE_CLICK), read, run)
        summaries.append(shards.label(Assignment(dataset.shards[0], attempt)))
        shards.close()
    assert [summary.outcome for summary in summaries] == [CommitOutcome.COMMITTED, CommitOutcome.LOST]
    assert summaries[1].record.spent.network >= slow.seconds > 0
    (record,) = run.committed().values()
    assert record.spent == summaries[0].record.spent


def test_an_engine_without_any_shard_waits_for_nobody(tmp_path: Path, dataset: DatasetManifest) -> None:
    run = new_run(tmp_path)
    engine = Engine(AnalyticClickModel(), EngineSettings(zoom_size=ZOOM_SIZE))
    shards = OneModelLabeller(engine, ObjectSessions(ONE_CLICK), reader_of(dataset, STORAGE), run)
    time.sleep(0.5)
    with ThreadPoolExecutor(1) as caller:
        first = caller.submit(shards.label, Assignment(dataset.shards[0], "1")).result()
        time.sleep(0.5)
        second = caller.submit(shards.label, Assignment(dataset.shards[1], "2")).result()
    shards.close()
    for summary in (first, second):
        assert summary.record.spent.waiting <= summary.seconds

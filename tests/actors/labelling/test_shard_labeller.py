"""From shards to committed rows, whatever breaks on the way."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from actors.labelling.hand_out import Assignment
from actors.labelling.object_sessions import ObjectSessions
from infra.errors import StorageError
from infra.runs.commit import CommitOutcome
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest, ShardEntry
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote
from mfp.click_model import CropBatch, Image
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import SessionLimits
from tests.actors.labelling.labelled_shapes import STORAGE, label_all, new_run
from tests.actors.shapes import (
    LIMITS,
    ZOOM_SIZE,
    OneModelLabeller,
    labeller,
    reader_of,
    rows_of,
    shape_sample,
    write_shapes,
)
from tests.mfp.click_models import GrowingModel, PickyModel
from tests.waiting import HANGS


def test_a_run_has_a_mask_for_every_object_and_a_row_for_every_click(
    dataset: DatasetManifest, expected: RunDirectory
) -> None:
    rows = rows_of(expected)
    assert len(rows["masks"]) == dataset.num_objects
    assert not rows["errors"]
    assert len(rows["clicks"]) == sum(int(str(row["num_clicks"])) for row in rows["masks"])
    assert len({row["num_clicks"] for row in rows["masks"]}) > 2, "the objects should differ in difficulty"


@pytest.mark.parametrize(("batch_size", "at_once"), [(2, 1), (4, 2), (7, 4)])
def test_rows_do_not_depend_on_batch_size_or_on_shards_side_by_side(
    tmp_path: Path, dataset: DatasetManifest, expected: RunDirectory, batch_size: int, at_once: int
) -> None:
    run = new_run(tmp_path)
    shards = labeller(run, reader_of(dataset, STORAGE), batch_size=batch_size, max_pixels_ahead=1)
    summaries = label_all(shards, dataset, at_once=at_once)
    shards.close()
    assert all(summary.outcome is CommitOutcome.COMMITTED for summary in summaries)
    assert sum(summary.counts.objects for summary in summaries) == dataset.num_objects
    assert rows_of(run) == rows_of(expected)
    checksums = [
        {shard: record.parts["masks"].sha256 for shard, record in of.committed().items()}
        for of in (run, expected)
    ]
    assert checksums[0] == checksums[1], "a part does not depend on which session ended first"


def test_broken_samples_become_error_rows_and_the_rest_goes_on(tmp_path: Path) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=6, broken=[1, 4])
    run = new_run(tmp_path / "run")
    shards = labeller(run, reader_of(manifest, STORAGE))
    summaries = label_all(shards, manifest)
    shards.close()
    rows = rows_of(run)
    assert [(row["sample_key"], row["object_id"], row["reason"]) for row in rows["errors"]] == [
        ("folder/shape-001", None, "undecodable_image"),
        ("folder/shape-004", None, "undecodable_image"),
    ]
    assert sum(summary.counts.quarantined for summary in summaries) == 2
    assert {row["sample_key"] for row in rows["masks"]} == {
        f"folder/shape-{index:03d}" for index in (0, 2, 3, 5)
    }


def test_an_object_that_lies_in_ignored_pixels_altogether_is_an_error_row(tmp_path: Path) -> None:
    sample = shape_sample(1, num_objects=2)
    hidden = sample.objects[0]
    sample = type(sample)(**{**vars(sample), "ignore_rle": hidden.rle})
    run = new_run(tmp_path)
    shards = labeller(run, lambda shard: iter([sample]))
    shards.label(Assignment(ShardEntry("s.tar", 1), "1"))
    shards.close()
    assert [(row["object_id"], row["reason"]) for row in rows_of(run)["errors"]] == [("1", "empty_object")]
    assert [row["object_id"] for row in rows_of(run)["masks"]] == ["2"]


def test_an_image_that_the_model_does_not_take_costs_its_objects_and_not_its_shard(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    samples = {sample.key: sample for sample in (shape_sample(index) for index in range(12))}
    widest = sorted(sample.width for sample in samples.values())[8]
    runs = [new_run(tmp_path / name) for name in ("picky", "growing")]
    for run, model in zip(runs, (PickyModel(range(1, widest + 1)), GrowingModel()), strict=True):
        shards = OneModelLabeller(
            Engine(model, EngineSettings(batch_size=4)),
            ObjectSessions(LIMITS),
            reader_of(dataset, STORAGE),
            run,
        )
        summaries = label_all(shards, dataset)
        shards.close()
        assert all(summary.outcome is CommitOutcome.COMMITTED for summary in summaries)
    picky, growing = (rows_of(run) for run in runs)
    wide = {key for key, sample in samples.items() if sample.width > widest}
    assert len(wide) == 3
    assert [
        (row["sample_key"], row["object_id"], row["reason"], row["detail"]) for row in picky["errors"]
    ] == [
        (
            key,
            item.object_id,
            "refused_by_model",
            f"{samples[key].width} pixels wide: must be 1 to {widest}",
        )
        for key in sorted(wide)
        for item in samples[key].objects
    ]
    assert not growing["errors"]
    for table in ("masks", "clicks"):
        assert picky[table] == [row for row in growing[table] if row["sample_key"] not in wide]


def test_a_model_that_ends_the_process_fails_its_shard_and_keeps_nobody_waiting(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    class Leaving(GrowingModel):
        def prepare(self, image: Image) -> NDArray[np.float32]:
            sys.exit(3)

    run = new_run(tmp_path)
    shards = OneModelLabeller(
        Engine(Leaving(), EngineSettings()),
        ObjectSessions(LIMITS),
        reader_of(dataset, STORAGE),
        run,
    )
    with ThreadPoolExecutor(1) as callers:
        labelled = callers.submit(shards.label, Assignment(dataset.shards[0], "1"))
        with pytest.raises(RuntimeError, match=r"^SystemExit: 3$"):
            labelled.result(HANGS)
    shards.close()
    assert run.committed() == {}


def test_a_shard_that_cannot_be_read_fails_alone(tmp_path: Path, dataset: DatasetManifest) -> None:
    broken = dataset.shards[0].name

    def read(shard: ShardEntry) -> Iterator[ShardItem | ShardNote]:
        items = reader_of(dataset, STORAGE)(shard)
        if shard.name == broken:
            yield next(items)
            raise StorageError("the server is gone")
        yield from items

    run = new_run(tmp_path)
    shards = labeller(run, read)
    with ThreadPoolExecutor(2) as callers:
        calls = [callers.submit(shards.label, Assignment(shard, shard.name)) for shard in dataset.shards[:2]]
        with pytest.raises(StorageError, match="the server is gone"):
            calls[0].result(HANGS)
        assert calls[1].result(HANGS).outcome is CommitOutcome.COMMITTED
    assert shards.counts() == {}
    shards.close()
    assert list(run.committed()) == [dataset.shards[1].name]


def test_after_an_error_in_the_network_the_labeller_goes_on_with_the_next_shard(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    class FailingOnce(AnalyticClickModel):
        has_failed = False

        def predict(self, batch: CropBatch) -> Tensor:
            if not self.has_failed:
                self.has_failed = True
                raise RuntimeError("one bad pass")
            return super().predict(batch)

    engine = Engine(FailingOnce(), EngineSettings(batch_size=4, zoom_size=ZOOM_SIZE))
    run = new_run(tmp_path)
    read = reader_of(dataset, STORAGE)
    shards = OneModelLabeller(engine, ObjectSessions(LIMITS), read, run, "analytic")
    with pytest.raises(RuntimeError, match="one bad pass"):
        shards.label(Assignment(dataset.shards[0], "1"))
    assert shards.label(Assignment(dataset.shards[0], "2")).counts.objects == dataset.shards[0].objects
    shards.close()


def test_a_fenced_attempt_reports_that_another_one_was_first(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    run = new_run(tmp_path)
    shards = labeller(run, reader_of(dataset, STORAGE))
    first, second = (shards.label(Assignment(dataset.shards[0], attempt)) for attempt in ("1", "2"))
    shards.close()
    assert (first.outcome, second.outcome) == (CommitOutcome.COMMITTED, CommitOutcome.LOST)
    assert first.counts == second.counts


def test_closing_ends_the_calls_that_wait(tmp_path: Path, dataset: DatasetManifest) -> None:
    began = threading.Event()
    may_end = threading.Event()

    def read(shard: ShardEntry) -> Iterator[ShardItem | ShardNote]:
        began.set()
        assert may_end.wait(HANGS)
        yield from ()

    shards = labeller(new_run(tmp_path), read)
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(shards.label, Assignment(dataset.shards[0], "1"))
        assert began.wait(HANGS)
        threading.Timer(0.1, may_end.set).start()
        shards.close()
        with pytest.raises(RuntimeError, match="closed"):
            call.result(HANGS)


def test_a_closed_labeller_refuses_what_comes_later_and_leaves_no_folder_of_it(
    tmp_path: Path, dataset: DatasetManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    shards = labeller(new_run(tmp_path), reader_of(dataset, STORAGE))
    shards.close()
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(shards.label, Assignment(dataset.shards[0], "1"))
        with pytest.raises(RuntimeError, match="was closed"):
            call.result(HANGS)
    assert shards.counts() == {}
    assert list((tmp_path / "temporary").iterdir()) == []


def test_closing_drops_what_the_engine_is_at(tmp_path: Path, dataset: DatasetManifest) -> None:
    class ClosedInThePass(AnalyticClickModel):
        num_passes = 0

        def predict(self, batch: CropBatch) -> Tensor:
            self.num_passes += 1
            if self.num_passes == 3:
                under_way.set()
                is_closing.wait(HANGS)
                threading.Event().wait(0.2)  # for the close itself
            return super().predict(batch)

    under_way, is_closing = threading.Event(), threading.Event()
    model = ClosedInThePass()
    engine = Engine(model, EngineSettings(batch_size=4, zoom_size=ZOOM_SIZE, flip="off"))
    endless = ObjectSessions(SessionLimits(max_clicks=1000, target_iou=None))
    shards = OneModelLabeller(engine, endless, reader_of(dataset, STORAGE), new_run(tmp_path), "analytic")
    with ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(shards.label, Assignment(dataset.shards[0], "1"))
        assert under_way.wait(HANGS)
        is_closing.set()
        shards.close()
        with pytest.raises(RuntimeError, match="was closed"):
            waiting.result(HANGS)
    assert model.num_passes <= 4


def test_a_shard_that_comes_after_the_end_is_refused_and_not_waited_for(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    shards = labeller(new_run(tmp_path), reader_of(dataset, STORAGE))
    shards.close()
    with pytest.raises(RuntimeError, match="the shard labeller was closed"):
        shards.label(Assignment(dataset.shards[0], "late"))
    assert shards.counts() == {}

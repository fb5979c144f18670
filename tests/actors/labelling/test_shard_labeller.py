from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from torch import Tensor

from actors.labelling.hand_out import Assignment
from actors.labelling.loaded_model import LoadedModel
from actors.labelling.object_sessions import ObjectKey, ObjectSessions
from actors.labelling.shard_labeller import ShardLabeller, ShardSummary
from infra.click_log import load_click_log
from infra.errors import StorageError
from infra.runs.commit import CommitOutcome
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest, ShardEntry
from infra.shards.sample_document import ShardItem
from infra.storage.files import Storage
from mfp.clicks import Click
from mfp.engine import Engine, EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import FinishedSession, Session, SessionLimits
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

STORAGE = Storage()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetManifest:
    return write_shapes(str(tmp_path_factory.mktemp("shapes")), STORAGE)


def new_run(folder: Path) -> RunDirectory:
    run = RunDirectory(str(folder), STORAGE)
    run.open({"test": True})
    return run


def label_all(
    shards: OneModelLabeller, manifest: DatasetManifest, *, at_once: int = 2, attempt: str = "1"
) -> list[ShardSummary]:
    assignments = [Assignment(shard, f"{attempt}_{number}") for number, shard in enumerate(manifest.shards)]
    with ThreadPoolExecutor(at_once) as callers:
        return list(callers.map(shards.label, assignments))


@pytest.fixture(scope="module")
def expected(dataset: DatasetManifest, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """The run of the data set, one session at a time."""
    run = new_run(tmp_path_factory.mktemp("run"))
    one_by_one = labeller(run, reader_of(dataset, STORAGE), batch_size=1)
    label_all(one_by_one, dataset, at_once=1)
    one_by_one.close()
    return run


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


class GatedModel(AnalyticClickModel):
    """Waits for the gate to open before every pass."""

    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self.gate = gate

    def forward_clicks(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
        assert self.gate.wait(60)
        return super().forward_clicks(image, prob, clicks)


class RecordingEngine(Engine):
    """Remembers which attempt's sessions began and ended, in order."""

    def __init__(
        self, network: AnalyticClickModel, batch_size: int, events: list[tuple[str, str]] | None = None
    ) -> None:
        super().__init__(network, EngineSettings(batch_size=batch_size, zoom_size=ZOOM_SIZE))
        self.events: list[tuple[str, str]] = [] if events is None else events

    def run(self, sessions: Iterable[Session | None]) -> Iterator[FinishedSession]:
        for finished in super().run(self._recorded(sessions)):
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

    def read(shard: ShardEntry) -> Iterator[ShardItem]:
        yield from reader_of(dataset, STORAGE)(shard)
        if was_read:
            all_was_read.set()
        was_read.append(shard.name)

    was_read: list[str] = []
    shards = OneModelLabeller(engine, ObjectSessions(LIMITS, None), read, new_run(tmp_path), "analytic")
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
    models = [LoadedModel(f"model-{number}", engine) for number, engine in enumerate(engines)]

    def read(shard: ShardEntry) -> Iterator[ShardItem]:
        yield from reader_of(dataset, STORAGE)(shard)
        was_read.append(shard.name)
        if len(was_read) == len(dataset.shards):
            all_was_read.set()

    was_read: list[str] = []
    run = new_run(tmp_path)
    shards = ShardLabeller(ObjectSessions(LIMITS, None), read, run)
    by_shard = {shard.name: models[number // 2 % 2] for number, shard in enumerate(dataset.shards)}
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
        in_flight[by_shard[shard].model_id] += 1 if event == "begin" else -1
        assert sum(count > 0 for count in in_flight.values()) <= 1, "one model at a time"
    found = run.read_masks(["shard", "model_id"]).to_pylist()
    assert {(row["shard"], row["model_id"]) for row in found} == {
        (name, model.model_id) for name, model in by_shard.items()
    }
    assert {record.shard: record.model_id for record in run.committed().values()} == {
        name: model.model_id for name, model in by_shard.items()
    }
    columns = ["sample_key", "object_id", "rle", "iou"]
    order = [("sample_key", "ascending"), ("object_id", "ascending")]
    assert run.read_masks(columns).sort_by(order) == expected.read_masks(columns).sort_by(order)


def test_an_error_in_one_model_does_not_keep_the_next_one_from_its_shard(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    class Failing(AnalyticClickModel):
        def forward_clicks(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
            raise RuntimeError("a bad model")

    settings = EngineSettings(batch_size=4, zoom_size=ZOOM_SIZE)
    shards = ShardLabeller(ObjectSessions(LIMITS, None), reader_of(dataset, STORAGE), new_run(tmp_path))
    shard = dataset.shards[0]
    with pytest.raises(RuntimeError, match="a bad model"):
        shards.label(Assignment(shard, "1"), LoadedModel("bad", Engine(Failing(), settings)))
    good = LoadedModel("good", Engine(AnalyticClickModel(), settings))
    assert shards.label(Assignment(shard, "2"), good).counts.objects == shard.objects
    shards.close()


def test_decoding_ahead_stops_at_the_pixel_limit_however_long_the_shard(tmp_path: Path) -> None:
    num_samples, limit, batch_size = 200, 20_000, 2
    num_read = 0
    read_enough = threading.Event()

    def read(shard: ShardEntry) -> Iterator[ShardItem]:
        nonlocal num_read
        for index in range(num_samples):
            num_read += 1
            if num_read == 6:
                read_enough.set()
            yield shape_sample(index, num_objects=1)

    gate = threading.Event()
    engine = Engine(GatedModel(gate), EngineSettings(batch_size=batch_size, zoom_size=32))
    shards = OneModelLabeller(
        engine, ObjectSessions(LIMITS, None), read, new_run(tmp_path), "analytic", limit
    )
    with ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(shards.label, Assignment(ShardEntry("long.tar", 1), "1"))
        assert read_enough.wait(60)
        threading.Event().wait(0.3)  # time to read too far, if it were to
        smallest = 40 * 40
        assert num_read <= batch_size + limit // smallest + 2
        gate.set()
        assert waiting.result(120).counts.objects == num_samples
    shards.close()


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


def test_a_shard_that_cannot_be_read_fails_alone(tmp_path: Path, dataset: DatasetManifest) -> None:
    broken = dataset.shards[0].name

    def read(shard: ShardEntry) -> Iterator[ShardItem]:
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
            calls[0].result(60)
        assert calls[1].result(60).outcome is CommitOutcome.COMMITTED
    assert shards.counts() == {}
    shards.close()
    assert list(run.committed()) == [dataset.shards[1].name]


def test_after_an_error_in_the_network_the_labeller_goes_on_with_the_next_shard(
    tmp_path: Path, dataset: DatasetManifest
) -> None:
    class FailingOnce(AnalyticClickModel):
        has_failed = False

        def forward_clicks(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
            if not self.has_failed:
                self.has_failed = True
                raise RuntimeError("one bad pass")
            return super().forward_clicks(image, prob, clicks)

    engine = Engine(FailingOnce(), EngineSettings(batch_size=4, zoom_size=ZOOM_SIZE))
    run = new_run(tmp_path)
    read = reader_of(dataset, STORAGE)
    shards = OneModelLabeller(engine, ObjectSessions(LIMITS, None), read, run, "analytic")
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

    def read(shard: ShardEntry) -> Iterator[ShardItem]:
        began.set()
        assert may_end.wait(60)
        yield from ()

    shards = labeller(new_run(tmp_path), read)
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(shards.label, Assignment(dataset.shards[0], "1"))
        assert began.wait(60)
        threading.Timer(0.1, may_end.set).start()
        shards.close()
        with pytest.raises(RuntimeError, match="closed"):
            call.result(60)


def replay(tmp_path: Path, log_lines: list[str], *, with_truth: bool) -> dict[str, list[dict[str, object]]]:
    log = tmp_path / "clicks.jsonl"
    log.write_text("\n".join(log_lines))
    run = new_run(tmp_path / "run")
    sample = shape_sample(0, with_truth=with_truth, num_objects=2)
    shards = labeller(run, lambda shard: iter([sample]), click_log=load_click_log(STORAGE, str(log)))
    shards.label(Assignment(ShardEntry("s.tar", 1), "1"))
    shards.close()
    return rows_of(run)


def line(object_id: str, click_idx: int, y: float, x: float, *, is_foreground: bool = True) -> str:
    positive = "true" if is_foreground else "false"
    return (
        f'{{"sample_key": "folder/shape-000", "object_id": "{object_id}", "click_idx": {click_idx}, '
        f'"y": {y}, "x": {x}, "is_foreground": {positive}}}'
    )


def test_replaying_the_clicks_of_a_simulated_run_gives_its_masks_bit_for_bit(
    tmp_path: Path, dataset: DatasetManifest, expected: RunDirectory
) -> None:
    log = load_click_log(STORAGE, expected.url)
    run = new_run(tmp_path)
    shards = labeller(run, reader_of(dataset, STORAGE), click_log=log)
    label_all(shards, dataset)
    shards.close()
    columns = ["sample_key", "object_id", "rle", "iou", "quality", "num_clicks"]
    order = [("sample_key", "ascending"), ("object_id", "ascending")]
    assert run.read_masks(columns).sort_by(order) == expected.read_masks(columns).sort_by(order)
    assert set(run.read_clicks(["source"]).column("source").to_pylist()) == {"logged"}


def test_logged_clicks_need_no_truth_and_have_no_iou_without_it(tmp_path: Path) -> None:
    rows = replay(tmp_path, [line("7", 0, 20, 20), line("7", 1, 5, 5, is_foreground=False)], with_truth=False)
    assert [(row["object_id"], row["num_clicks"], row["iou"]) for row in rows["masks"]] == [("7", 2, None)]
    assert [row["iou"] for row in rows["clicks"]] == [None, None]
    assert not rows["errors"]


def test_objects_without_clicks_or_with_a_click_outside_the_image_are_error_rows(tmp_path: Path) -> None:
    rows = replay(tmp_path, [line("1", 0, 20, 20), line("extra", 0, 20, 20_000)], with_truth=True)
    assert [row["object_id"] for row in rows["masks"]] == ["1"]
    assert [(row["object_id"], row["reason"]) for row in rows["errors"]] == [
        ("2", "no_clicks"),
        ("extra", "click_outside_image"),
    ]


def test_a_click_on_a_pixel_that_is_already_right_is_replayed_like_any_other(tmp_path: Path) -> None:
    rows = replay(
        tmp_path, [line("1", 0, 20, 20), line("1", 1, 20, 20), line("1", 2, 20, 20)], with_truth=False
    )
    assert [row["num_clicks"] for row in rows["masks"]] == [3]


def test_closing_drops_what_the_engine_is_at(tmp_path: Path, dataset: DatasetManifest) -> None:
    class ClosedInThePass(AnalyticClickModel):
        num_passes = 0

        def forward_clicks(self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> Tensor:
            self.num_passes += 1
            if self.num_passes == 3:
                under_way.set()
                is_closing.wait(60)
                threading.Event().wait(0.2)  # for the close itself
            return super().forward_clicks(image, prob, clicks)

    under_way, is_closing = threading.Event(), threading.Event()
    model = ClosedInThePass()
    engine = Engine(model, EngineSettings(batch_size=4, zoom_size=ZOOM_SIZE, flip=False))
    endless = ObjectSessions(SessionLimits(max_clicks=1000, target_iou=None), None)
    shards = OneModelLabeller(engine, endless, reader_of(dataset, STORAGE), new_run(tmp_path), "analytic")
    with ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(shards.label, Assignment(dataset.shards[0], "1"))
        assert under_way.wait(60)
        is_closing.set()
        shards.close()
        with pytest.raises(RuntimeError, match="was closed"):
            waiting.result(60)
    assert model.num_passes <= 4

"""Published figures stand beside a run of the genuine objects that was clicked as they were, and beside no other."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from actors.specs.reading import BenchmarkChoice
from infra.runs.run_directory import RunDirectory
from infra.shards.content_digest import ContentDigest, total
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from pipelines.errors import OptionError
from pipelines.inputs.run_record import request_of
from pipelines.jobs.benchmarks import BENCHMARKS, Benchmark
from pipelines.jobs.report import Report
from pipelines.jobs.report_files import read_reports, write_page
from pipelines.jobs.shard import run_shard
from pipelines.views.report import ReportView
from tests.pipelines.clicked_runs import commit
from tests.pipelines.page_runs import ReadPage
from tests.shared_data import SHARED, requires_shared
from tests.specs import label_record, shard_spec

BERKELEY = BENCHMARKS["berkeley"]
(GENUINE,) = BERKELEY.content
SOME = ContentDigest(12345)
REST = ContentDigest((GENUINE.value - SOME.value) % 2**256)


def run_of(
    url: str, *, objects: int = 100, last: ContentDigest = REST, shards: int = 2, **settings: Any
) -> str:
    """A run over two shards, of which so many are committed; the contents of both add up to Berkeley's."""
    run = RunDirectory(url, Storage())
    run.open(request_of(label_record(num_shards=2, **{"max_clicks": 20, "target_iou": 0.95} | settings)))
    for name, number, content in [("s0", objects - 30, SOME), ("s1", 30, last)][:shards]:
        commit(run, name, [(0.86, 0.91, 0.96)] * number, content=content)
    return url


def report(url: str, benchmark: BenchmarkChoice = "auto") -> Report:
    return read_reports([url], Storage(), benchmark)[0][1]


def test_a_benchmark_is_known_by_its_content_however_it_is_sharded(tmp_path: Path) -> None:
    assert report(run_of(str(tmp_path))).benchmark == BERKELEY


OTHER_RUNS: dict[str, tuple[dict[str, Any], str]] = {
    "other content": ({"last": SOME}, ""),
    "other objects": ({"objects": 99}, "99 objects with truth, and Berkeley has 100"),
    "unfinished": ({"shards": 1}, "it is not finished"),
    "another user": ({"clicks": "simulated:uniform"}, "clicks of uniform, not of the protocol's user"),
    "fewer clicks": ({"max_clicks": 10}, "10 clicks at most, not 20"),
    "objects apart": ({"overlap": "exclude"}, r"kept apart \(--overlap exclude\)"),
    "a start": ({"start": "damaged"}, "objects started from damaged"),
}


@pytest.mark.parametrize("other", OTHER_RUNS)
def test_no_other_run_is_set_beside_published_figures(tmp_path: Path, other: str) -> None:
    settings, _ = OTHER_RUNS[other]
    assert report(run_of(str(tmp_path), **settings)).benchmark is None


@pytest.mark.parametrize("other", [name for name, (_, reason) in OTHER_RUNS.items() if reason])
def test_naming_a_benchmark_that_does_not_compare_is_refused_with_the_reason(
    tmp_path: Path, other: str
) -> None:
    settings, reason = OTHER_RUNS[other]
    with pytest.raises(OptionError, match=reason):
        report(run_of(str(tmp_path), **settings), "berkeley")


def test_another_copy_can_be_named_and_a_known_one_left_without(tmp_path: Path) -> None:
    assert report(run_of(str(tmp_path / "copy"), last=SOME), "berkeley").benchmark == BERKELEY
    assert report(run_of(str(tmp_path / "known")), "none").benchmark is None


def test_published_rows_are_shown_and_called_that(tmp_path: Path) -> None:
    url, page = run_of(str(tmp_path / "run")), tmp_path / "page.html"
    found = report(url)
    stream = io.StringIO()
    Console(file=stream, width=80).print(ReportView(found), soft_wrap=True)
    lines = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert "Berkeley NoC@85 NoC@90 NoC@95" in lines
    assert "this run 1.00 2.00 3.00" in lines
    assert "MFP ViT-B (COCO+LVIS), published 1.35 1.90 4.68" in lines

    write_page(read_reports([url], Storage()), str(page), Storage(), strips=0)
    rows = ReadPage(page.read_text())
    assert rows.row("RITM HRNet-18 published") == [["1.87", "3.22", "8.35"]]
    assert rows.row("MFP HRNet-18 published") == [["1.68", "3.04", "7.94"]]

    document: Any = found.to_json()["benchmark"]
    assert document["name"] == "Berkeley"
    assert document["published"][5] == {"model": "MFP ViT-B", "noc85": 1.39, "noc90": 2.17, "noc95": 6.18}
    assert report(url, "none").to_json()["benchmark"] is None


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=BENCHMARKS)
def test_published_figures_grow_with_the_iou(benchmark: Benchmark) -> None:
    assert len(benchmark.published) == 7
    for row in benchmark.published:
        assert 1 <= row.noc85 <= row.noc90 <= row.noc95 <= 20


@requires_shared
@pytest.mark.parametrize(("name", "folder"), [("berkeley", "berkeley"), ("davis", "davis345")])
def test_the_genuine_data_have_the_content_that_is_looked_for(tmp_path: Path, name: str, folder: str) -> None:
    sharded = run_shard(shard_spec(str(SHARED / "data" / folder), str(tmp_path), name, samples_per_shard=70))
    objects, digests = 0, []
    for shard in sharded.dataset.shards:
        for item in read_shard(Storage(), sharded.dataset.shard_url(shard), shard):
            assert isinstance(item, Sample | QuarantinedSample)
            digests.append(ContentDigest.of(item))
            objects += len(item.objects) if isinstance(item, Sample) else 0
    assert total(digests) in BENCHMARKS[name].content
    assert objects == BENCHMARKS[name].objects

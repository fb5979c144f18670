"""The page has the figures of the report, says in words what is not defined, and loads nothing."""

from __future__ import annotations

import io
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from infra.runs.run_directory import RunDirectory
from infra.runs.time_spent import TimeSpent
from infra.storage.files import Storage, join
from mfp.bootstrap import Interval
from pipelines.inputs.run_record import request_of
from pipelines.jobs.clicked_run import ClickedRun
from pipelines.jobs.drawn_figures import DrawnNoc
from pipelines.jobs.report import build_report, report_of
from pipelines.jobs.report_files import read_reports, write_page
from pipelines.jobs.report_page import strips
from pipelines.jobs.report_page.page import render_page
from pipelines.jobs.report_page.page_data import PageRun, PageStrip
from pipelines.jobs.report_page.page_run import page_run
from pipelines.jobs.report_words import unfinished_in_words
from pipelines.views.report import ReportView
from tests.pipelines.clicked_runs import begin, commit
from tests.pipelines.page_runs import SCRIPT, ReadPage, decided_run, drawn_run, page_of
from tests.specs import label_record


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return drawn_run(str(tmp_path_factory.mktemp("runs") / f"a {SCRIPT.replace('/', '')}"))


@pytest.fixture(scope="module")
def page(run: RunDirectory) -> ReadPage:
    return ReadPage(page_of(run.url))


def page_data(run: RunDirectory) -> PageRun:
    clicked = ClickedRun.read(run.url, run.storage)
    return page_run(clicked, report_of(clicked))


def test_the_figures_are_those_of_the_report(run: RunDirectory, page: ReadPage) -> None:
    report = build_report(run.url, run.storage)
    figures = report.figures
    assert figures is not None
    at = [of for of in figures.at_threshold.values() if of is not None]
    assert len(at) == 3
    (nocs,) = page.row("NoC, mean number of clicks")
    assert [cell.split()[0] for cell in nocs] == [f"{of.noc:.2f}" for of in at]
    assert page.row("NoF, objects with NoC = 20") == [[str(of.nof_published) for of in at]]
    assert page.row("NoF, objects that never got there") == [[str(of.nof_never_reached) for of in at]]
    (ious,) = page.row("mean IoU")
    shown = [
        *(figures.mean_iou[click - 1] for click in (1, 3, 5, 10, 20)),
        figures.auc,
        figures.mean_boundary_iou,
    ]
    assert [cell.split()[0] for cell in ious] == [f"{value:.3f}" for value in shown]
    for text in (f"{report.objects:,}", f"{report.clicks:,}", f"{report.clicks_per_second:,.2f}"):
        assert text in page.text
    assert page.row("undecodable_image") == [["4"]]


@pytest.mark.parametrize(
    ("max_clicks", "clicks"), [(1, [1]), (4, [1, 3, 4]), (20, [1, 3, 5, 10, 20]), (25, [1, 3, 5, 10, 20, 25])]
)
def test_the_mean_iou_is_told_after_some_clicks_and_the_last(
    tmp_path: Path, max_clicks: int, clicks: list[int]
) -> None:
    run = begin(str(tmp_path), max_clicks=max_clicks)
    commit(run, "s0.tar", [(0.5,) * max_clicks], end_below_target="max_clicks", boundary_ious=[0.25])
    page = ReadPage(page_of(run.url))
    assert page.row("after clicks") == [[*map(str, clicks), "AuC", "boundary IoU, last"]]
    assert page.row("mean IoU") == [[*["0.500"] * len(clicks), "0.500", "0.250"]]
    stream = io.StringIO()
    Console(file=stream, width=120).print(ReportView(build_report(run.url, run.storage)))
    (line,) = [line.split() for line in stream.getvalue().splitlines() if line.startswith("clicks ")]
    assert line == ["clicks", *map(str, clicks), "AuC", "boundary", "IoU,", "last"]


def test_intervals_and_distributions_belong_to_the_figures(run: RunDirectory) -> None:
    (start,) = page_data(run).starts
    figures = start.figures
    for name, at in figures.at_threshold.items():
        assert at is not None
        interval = start.noc_intervals[name]
        assert interval.low < at.noc < interval.high
        assert start.shares_done[name][-1] == pytest.approx(1 - at.nof_never_reached / figures.objects)
    assert start.auc_interval is not None
    assert start.auc_interval.low < figures.auc < start.auc_interval.high
    assert start.boundary_interval is not None
    assert start.boundary_interval.low < figures.mean_boundary_iou < start.boundary_interval.high
    assert all(
        low < mean < high for mean, (low, high) in zip(figures.mean_iou, start.iou_intervals, strict=True)
    )
    at_90 = figures.at_threshold["90"]
    assert at_90 is not None
    counts = np.array(start.noc90_counts)
    assert counts @ np.arange(21) / counts.sum() == pytest.approx(at_90.noc)
    assert counts[-1] == at_90.nof_published
    small, *others = start.by_size
    assert small.objects == figures.objects
    assert small.noc90 == pytest.approx(at_90.noc)
    assert [(size.objects, size.noc90) for size in others] == [(0, None), (0, None)]


@settings(max_examples=20, deadline=None)
@given(
    objects=st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=9),
    max_clicks=st.integers(1, 4),
)
def test_the_detail_of_any_run_agrees_with_its_report(
    tmp_path_factory: pytest.TempPathFactory, objects: list[list[float]], max_clicks: int
) -> None:
    run = begin(str(tmp_path_factory.mktemp("run")), max_clicks=max_clicks)
    commit(run, "s0.tar", [ious[:max_clicks] for ious in objects])
    data = page_data(run)
    (start,) = data.starts
    for name, at in start.figures.at_threshold.items():
        assert (name in start.shares_done) == (at is not None)
        if at is not None:
            shares = start.shares_done[name]
            assert shares.shape == (max_clicks + 1,)
            # the sum over clicks of who is not done yet is what NoC counts
            assert (1 - shares[:-1]).sum() == pytest.approx(at.noc)
    assert "nan" not in ReadPage(render_page([data])).text.lower().replace("provenance", "")


def test_what_comes_of_data_is_escaped(run: RunDirectory, page: ReadPage) -> None:
    assert page.text.count(SCRIPT) >= 3, "the shard, why it was set aside, a reason of errors"
    assert "script" not in page.tags


def test_the_page_loads_nothing(run: RunDirectory, page: ReadPage) -> None:
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert all(source.startswith("data:") for source in page.values("src"))
    assert all(reference.startswith("#") for reference in page.values("href"))
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "srcset"]
    text = page_of(run.url)
    assert "@import" not in text
    assert "@font-face" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}


def test_ids_are_unique_and_references_lead_somewhere(run: RunDirectory, tmp_path: Path) -> None:
    other = begin(str(tmp_path))
    commit(other, "s0.tar", [(0.5, 0.97), (0.4, 0.92, 0.96)], start_ious=[0.3, None])
    both = ReadPage(page_of(run.url, other.url))
    ids = Counter(both.values("id"))
    assert [name for name, times in ids.items() if times > 1] == []
    references = {reference[1:] for reference in both.values("href")}
    clips = set(re.findall(r"url\(#([^)]+)\)", " ".join(value for _, value in both.attributes)))
    assert references
    assert clips
    assert references | clips <= ids.keys()


def test_runs_whose_places_end_alike_have_names_that_tell_them_apart(tmp_path: Path) -> None:
    runs = [begin(str(tmp_path / name / "eval")) for name in ("old", "new")]
    for run in runs:
        commit(run, "s0.tar", [(0.96,)])
    page = ReadPage(page_of(*(run.url for run in runs)))
    assert len(page.row("old/eval analytic")) == len(page.row("new/eval analytic")) == 1


def test_every_plot_and_picture_says_what_is_seen(run: RunDirectory) -> None:
    strip = PageStrip("boat <1>", "the 3rd of 9", b"\x89PNG", "six looks at a <boat>")
    clicked = ClickedRun.read(run.url, run.storage)
    page = ReadPage(render_page([page_run(clicked, report_of(clicked), strips=[strip])]))
    assert page.tags.count("svg") == page.values("role").count("img") == 6
    assert len([label for label in page.values("aria-label") if re.search(r"\d", label)]) >= 6
    assert page.values("alt") == ["six looks at a <boat>"]
    assert page.values("src") == ["data:image/png;base64,iVBORw=="]
    assert "boat <1>" in page.text
    assert "the 3rd of 9" in page.text


def test_an_unfinished_run_says_so_first(page: ReadPage) -> None:
    assert "unfinished: 4 of 5 shards; the figures are of these alone." in page.text


def test_a_run_that_was_ended_when_it_was_decided_says_what_was_decided_and_what_the_figures_are_of(
    tmp_path: Path,
) -> None:
    run = decided_run(str(tmp_path), (0.96,), (0.5, 0.96))
    said = (
        "decided after 1 of 5 shards: NoC@90 is worse than that of base by 0.50 to 2.25 clicks (95% confidence "
        "sequence); 6 of 8 objects saved; the figures are of the 2 shards that are done"
    )
    assert f"{said}." in ReadPage(page_of(run.url)).text
    assert unfinished_in_words(build_report(run.url, run.storage)) == said


def test_a_run_whose_data_set_is_gone_has_a_page_without_strips_that_says_why(
    run: RunDirectory, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    (said,) = write_page(read_reports([run.url], Storage()), str(file), Storage(), strips=2)
    assert said.startswith(f"no film strips of {run.url}: no data set at ")
    page = ReadPage(file.read_text())
    assert f"No film strips: {said.partition(': ')[2]}" in page.text
    assert page.values("src") == []
    assert page.row("NoC, mean number of clicks")


def test_a_defect_is_not_taken_for_a_data_set_that_is_gone(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(strips, "strips_of", broken)
    with pytest.raises(ZeroDivisionError):
        write_page(read_reports([run.url], Storage()), str(tmp_path / "page.html"), Storage(), strips=2)


def test_a_run_without_any_shard_has_a_page_without_a_figure(tmp_path: Path) -> None:
    text = ReadPage(page_of(begin(str(tmp_path)).url)).text
    assert "No object is there yet" in text
    assert "No time is known" in text
    assert "NoC, mean" not in text


def test_a_run_without_truth_has_quality_and_time_and_no_iou(tmp_path: Path) -> None:
    run = begin(str(tmp_path))
    commit(run, "s0.tar", [(None, None), (None,)])
    page = ReadPage(page_of(run.url))
    assert "No object has truth, so IoU and NoC are not defined." in page.text
    assert any(label.startswith("Histogram of quality of 2 objects") for label in page.values("aria-label"))
    assert page.row("network passes")
    assert not page.row("NoC, mean")


def test_objects_of_different_starts_have_no_common_figure(tmp_path: Path) -> None:
    run, other = begin(str(tmp_path / "mixed")), begin(str(tmp_path / "plain"))
    commit(run, "s0.tar", [(0.5, 0.97), (0.96,), (0.2, 0.96)], start_ious=[0.3, 0.4, None])
    commit(other, "s0.tar", [(0.96,)])
    page = ReadPage(page_of(run.url, other.url))
    assert page.row("mixed")[0][-1] == "objects started from different things: see the run"
    assert "Their NoC do not mix" in page.text
    mask, nothing, _ = page.row("NoC, mean number of clicks")
    assert mask[0].split()[0] == "1.50"
    assert nothing[0].split()[0] == "2.00"
    assert "From masks of mean IoU 0.350" in page.text


HOW_CLICKED: list[tuple[dict[str, Any], str]] = [
    ({"clicks": "logged:log.csv", "max_clicks": "all", "target_iou": "none"}, "Clicks of a log"),
    ({"clicks": "simulated:uniform"}, "Clicks of the simulated user uniform, not the protocol's"),
    ({"overlap": "exclude"}, "Objects of an image kept apart (--overlap exclude)"),
]


@pytest.mark.parametrize(("settings", "said"), HOW_CLICKED)
def test_a_run_that_was_clicked_otherwise_than_the_protocol_says_so_also_beside_others(
    tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    plain, other = (RunDirectory(str(tmp_path / name), Storage()) for name in ("plain", "other"))
    for run, own in ((plain, {}), (other, settings)):
        run.open(request_of(label_record(**own)))
        commit(run, "s0.tar", [(0.5, 0.96)])
    assert page_of(plain.url).count(said) == 0
    both = page_of(plain.url, other.url).replace("&#39;", "'")
    assert both.count(said) == 2, "in the table of all runs, and above the figures of the run"


def test_where_clicks_and_starts_came_from_is_told(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    run.open(request_of(label_record(clicks="logged:clicks.csv", start="masks:old")))
    commit(run, "s0.tar", [(0.5, 0.96)], start_ious=[0.3])
    text = page_of(run.url)
    for name, place in (("clicks", "logged:"), ("start", "masks:")):
        assert re.search(rf"<dt>{name}</dt><dd>{place}", text), name


def test_a_noc_that_is_not_defined_is_said_with_the_reason(tmp_path: Path) -> None:
    run = begin(str(tmp_path), target_iou=0.87)
    commit(run, "s0.tar", [(0.5, 0.88), (0.87,)])
    page = ReadPage(page_of(run.url))
    (nocs,) = page.row("NoC, mean number of clicks")
    assert [cell.split(" ")[0] for cell in nocs] == ["1.50", "not", "not"]
    assert "Not defined: the sessions stopped at IoU 0.87." in page.text
    assert "NoC@90 by object and by size: not defined" in page.text


def test_objects_of_one_image_have_no_interval(tmp_path: Path) -> None:
    run = begin(str(tmp_path))
    commit(run, "s0.tar", [(0.5, 0.97), (0.96,)])
    (start,) = page_data(run).starts
    assert (start.noc_intervals, start.iou_intervals) == ({}, ())
    assert (start.auc_interval, start.boundary_interval) == (None, None)
    assert "All objects are of one image: there are no intervals." in ReadPage(page_of(run.url)).text


def test_a_page_says_of_how_many_images_the_intervals_are(run: RunDirectory, page: ReadPage) -> None:
    assert "48 objects with truth, of 24 images." in page.text
    assert "Those over fewer than 20 images are too narrow." in page.text


def drawn_beside(protocol: list[float], *draws: list[float]) -> DrawnNoc:
    """NoC@90 of objects whose names and areas do not matter, of the protocol's clicks and of each draw."""
    return DrawnNoc(
        user="uniform",
        names=np.array([f"{number}" for number in range(len(protocol))], object),
        truth_area=np.full(len(protocol), 1e6),
        protocol={"90": np.array(protocol)},
        drawn={"90": np.array(draws)},
        left_out=("draw-002: unfinished",),
    )


@pytest.mark.parametrize(
    ("draws", "cells"),
    [
        (drawn_beside([2, 2], [1, 2], [3, 4]), ["2", "2.00", "2.50", "+25.0%", "133.3%"]),
        (drawn_beside([4, 4], [2, 4]), ["2", "4.00", "3.00", "-25.0%", ""]),
        (drawn_beside([2, 2], [0, 0], [3, 4]), ["2", "2.00", "1.75", "-12.5%", ""]),
    ],
    ids=["two draws", "one draw", "best draws without a click"],
)
def test_what_drawn_clicks_cost_is_told_alike_on_a_page_and_on_a_terminal(
    run: RunDirectory, draws: DrawnNoc, cells: list[str]
) -> None:
    clicked = ClickedRun.read(run.url, run.storage)
    report = replace(report_of(clicked), draws=draws)
    page = ReadPage(render_page([page_run(clicked, report)]))
    assert page.row("90 %, large") == page.row("90 %")[:1] == [[*cells[:-1], cells[-1] or "not defined"]]
    assert page.row("90 %, small") == [["not defined"]]
    assert "Left out: draw-002: unfinished" in page.text
    stream = io.StringIO()
    Console(file=stream, width=120).print(ReportView(report))
    lines = [line.split() for line in stream.getvalue().splitlines()]
    assert ["90", "%,", "large", *cells[:-1], cells[-1] or "-"] in lines


def test_many_objects_make_no_large_page(tmp_path: Path) -> None:
    run = begin(str(tmp_path), max_clicks=3)
    ious = np.random.default_rng(0).uniform(0.5, 1, (3_000, 3))
    commit(run, "s0.tar", ious.tolist())
    assert len(page_of(run.url)) < 200_000


def test_a_page_may_be_written_to_any_storage(folder_url: str) -> None:
    commit(begin(folder_url), "s0.tar", [(0.5, 0.9)])
    url = join(folder_url, "pages", "one.html")
    write_page(read_reports([folder_url], Storage()), url, Storage(), strips=0)
    assert b"mfp report" in Storage().read_bytes(url)


def test_the_same_run_gives_the_same_page(run: RunDirectory) -> None:
    assert page_of(run.url) == page_of(run.url)


def test_seconds_of_workers_are_those_of_all_committed_shards_with_their_shares(tmp_path: Path) -> None:
    run = begin(str(tmp_path), num_shards=2)
    commit(run, "s0.tar", [(0.96,)], spent=TimeSpent(1.0, 30.0, 4.0, 2.0, 60.0, 12.0, 1.0, 0.0))
    commit(run, "s1.tar", [(0.96,)], spent=TimeSpent(1.5, 31.0, 1.0, 0.0, 40.5, 0.0, 0.0, 0.0))
    page = ReadPage(page_of(run.url))
    assert page.row("network passes") == [["100.5 s", "83.4%"]]
    assert page.row("the rest of clicking") == [["12.0 s", "10.0%"]]
    assert page.row("opening sessions") == [["2.0 s", "1.7%"]]
    assert page.row("rows into Parquet") == [["1.0 s", "0.8%"]]
    assert page.row("waiting for decoded images") == [["5.0 s", "4.1%"]]
    assert page.row("reading shards") == [["2.5 s", "2.1%"]]
    assert page.row("decoding images") == [["61.0 s", "50.6%"]]
    assert page.row("storing parts"), "as long as it took"


def test_seconds_that_were_not_spent_have_no_share(tmp_path: Path) -> None:
    run = begin(str(tmp_path))
    commit(run, "s0.tar", [], ["undecodable_image"])
    assert ReadPage(page_of(run.url)).row("network passes") == [["0.0 s", "not defined"]]


def test_an_interval_is_shown_with_the_decimals_of_its_figure(run: RunDirectory, page: ReadPage) -> None:
    (start,) = page_data(run).starts
    interval: Interval = start.noc_intervals["90"]
    (nocs,) = page.row("NoC, mean number of clicks")
    assert nocs[1].endswith(f" {interval.low:.2f} to {interval.high:.2f}")

"""The figures of a run are those of its committed click table, and say so where they are not defined."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import duckdb
import pytest
from rich.console import Console

from actors.specs.start import Start
from infra.errors import RunDirectoryError
from infra.json_text import JsonValue
from infra.published_models import publish
from infra.runs.commit import Unclicked
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard, note_set_aside
from infra.runs.shard_rows import ShardRows
from infra.runs.time_spent import NO_TIME, PARTS, TimeSpent
from infra.storage.files import Storage, basename, join
from infra.taken_models import add_taken
from mfp.errors import MetricsError
from pipelines.inputs.run_record import request_of
from pipelines.jobs.click_protocol import ClickProtocol
from pipelines.jobs.report import ModelFigures, Report, build_report
from pipelines.jobs.report_files import write_report
from pipelines.jobs.start_figures import StartFigures
from pipelines.views.report import ReportView
from tests.infra.rows import click_row, commit_rows, mask_row
from tests.pipelines.clicked_runs import begin, commit
from tests.specs import label_record


def printed(report: Report, *, terminal: bool = False, width: int = 80) -> str:
    stream = io.StringIO()
    Console(file=stream, force_terminal=terminal, width=width).print(ReportView(report), soft_wrap=True)
    return stream.getvalue()


def test_figures_come_from_all_committed_shards(folder_url: str) -> None:
    run = begin(folder_url, num_shards=2)
    commit(
        run,
        "s0.tar",
        [(0.5, 0.86, 0.91, 0.96), (0.85, 0.84, 0.84, 0.95)],
        ["empty_object"],
        boundary_ious=[0.9, 0.8],
    )
    commit(
        run,
        "s1.tar",
        [(0.97,), (0.1, 0.2, 0.3, 0.4)],
        ["empty_object", "undecodable_image"],
        boundary_ious=[0.9, 0.3],
    )
    report = build_report(folder_url, Storage())
    figures = report.to_json()
    speed = figures.pop("clicks_per_second")
    figures.pop("time_spent")
    assert figures.pop("quality") == [after.to_json() for after in report.quality]
    qualities = [
        (after.num_clicks, after.figures.num_masks, after.figures.spearman) for after in report.quality
    ]
    assert qualities == [(1, 4, None), (2, 4, None), (3, 4, None)], "that of all these masks is 0.75"
    errors = [after.figures.calibration_error for after in report.quality]
    assert errors == pytest.approx([0.145, 0.0325, 0.005])
    by_start = figures.pop("by_start")
    assert isinstance(by_start, list)
    (of_nothing,) = by_start
    assert isinstance(of_nothing, dict)
    assert (of_nothing["start"], of_nothing["objects"], of_nothing["mean_start_iou"]) == ("nothing", 4, None)
    assert {name: of_nothing[name] for name in ("noc", "auc")} == {
        name: figures[name] for name in ("noc", "auc")
    }
    assert figures == {
        "user": "protocol",
        "start": "nothing",
        "changes": "global",
        "clamped_clicks": 0,
        "disobeyed_clicks": 0,
        "mean_divergence": None,
        "robustness": None,
        "quality_calibrated_here": False,
        "decided": None,
        "finished": True,
        "shards": 2,
        "shards_expected": 2,
        "objects": 4,
        "clicks": 13,
        "unclicked": {"samples": 0, "objects": 0},
        "noc": {"85": (2 + 1 + 1 + 4) / 4, "90": (3 + 4 + 1 + 4) / 4, "95": (4 + 4 + 1 + 4) / 4},
        "nof_published": {"85": 1, "90": 2, "95": 3},
        "nof_never_reached": {"85": 1, "90": 1, "95": 1},
        "mean_iou": pytest.approx(
            [
                (0.5 + 0.85 + 0.97 + 0.1) / 4,
                (0.86 + 0.84 + 0.97 + 0.2) / 4,
                (0.91 + 0.84 + 0.97 + 0.3) / 4,
                0.82,
            ]
        ),
        "auc": pytest.approx((0.605 / 2 + 0.7175 + 0.755 + 0.82 / 2) / 3),
        "mean_boundary_iou": pytest.approx((0.9 + 0.8 + 0.9 + 0.3) / 4),
        "benchmark": None,
        "errors": 3,
        "models": [
            {
                "model_id": "0123456789abcdef",
                "step": None,
                "objects": 4,
                "clicks": 13,
                "mean_iou": pytest.approx(0.82),
                "noc90": (3 + 4 + 1 + 4) / 4,
            }
        ],
        "set_aside": [],
        "notes": [],
    }
    assert report.errors_by_reason == {"empty_object": 2, "undecodable_image": 1}
    assert isinstance(speed, float)
    assert speed > 13 / 120


def test_a_run_of_several_models_has_their_figures_side_by_side(tmp_path: Path) -> None:
    run = begin(str(tmp_path))
    for step, model_id in ((7, "b" * 16), (9, "a" * 16)):
        add_taken(Storage(), run.url, publish(Storage(), str(tmp_path / "t"), step, b"m", model_id, {}))
    commit(run, "s0.tar", [(0.5, 0.92)], model_id="a" * 16)
    commit(run, "s1.tar", [(0.3, 0.4, 0.8, 0.7), (0.95,)], model_id="b" * 16)
    commit(run, "s2.tar", [(None, None)], model_id="b" * 16)
    report = build_report(run.url, Storage())
    first, second = report.models
    assert first == ModelFigures("b" * 16, 7, 3, 7, (0.7 + 0.95) / 2, (4 + 1) / 2)
    assert second == ModelFigures("a" * 16, 9, 1, 2, 0.92, 2.0)
    lines = [line.split() for line in printed(report).splitlines()]
    assert ["b" * 16, "7", "3", "7", "0.825", "2.50"] in lines
    assert ["a" * 16, "9", "1", "2", "0.920", "2.00"] in lines


def test_half_a_run_is_called_that_wherever_its_figures_stand(tmp_path: Path) -> None:
    run = begin(str(tmp_path), num_shards=4)
    commit(run, "s0.tar", [(0.5, 0.92)])
    commit(run, "s1.tar", [(0.97,)])
    report = build_report(run.url, Storage())
    assert printed(report).splitlines()[0] == "unfinished: 2 of 4 shards; the figures are of these alone"
    assert "2 of 4 shards" in printed(report).splitlines()[-4]
    figures = report.to_json()
    assert (figures["finished"], figures["shards"], figures["shards_expected"]) == (False, 2, 4)
    write_report(run.url, Storage())
    assert json.loads((tmp_path / "report" / "summary.json").read_text())["finished"] is False
    assert "unfinished: 2 of 4 shards" in (tmp_path / "report" / "report.html").read_text()
    for shard in ("s2.tar", "s3.tar"):
        commit(run, shard, [(0.97,)])
    whole = build_report(run.url, Storage())
    assert whole.to_json()["finished"] is True
    assert "unfinished" not in printed(whole)


def test_what_the_click_log_left_out_is_in_the_report(tmp_path: Path) -> None:
    run = begin(str(tmp_path), num_shards=1)
    with ShardRows() as rows:
        rows.masks.append(mask_row("a", "1"))
        rows.clicks.append(click_row("a", "1", 0))
        record = run.write_parts(
            "s0.tar", "a", rows, seconds=1.0, spent=NO_TIME, model_id="m", unclicked=Unclicked(5, 2)
        )
    run.put(record)
    report = build_report(run.url, Storage())
    assert report.to_json()["unclicked"] == {"samples": 5, "objects": 2}
    assert "not in the click log or start, and left out: 5 samples and 2 objects of other samples" in printed(
        report
    )


def test_one_model_needs_no_table_of_models(tmp_path: Path) -> None:
    run = begin(str(tmp_path))
    commit(run, "s0.tar", [(0.5, 0.92)])
    assert "0123456789abcdef" not in printed(build_report(run.url, Storage()))


def test_the_query_on_the_page_of_labelling_gives_the_same_noc_from_a_plain_glob(tmp_path: Path) -> None:
    run = begin(str(tmp_path), max_clicks=20)
    commit(run, "s0.tar", [(0.5, 0.86, 0.91, 0.96), (0.3,) * 20])
    commit(run, "s1.tar", [(0.97,), (0.1, 0.9, 0.2, 0.95)])
    commit(run, "s2.tar", [], ["undecodable_image"])
    page = Path(__file__).parents[2].joinpath("docs", "labelling.md").read_text()
    query = page.split("```sql\n")[1].split("```")[0].replace("runs/eval", str(tmp_path))
    row = duckdb.execute(query).fetchone()
    assert row is not None
    assert row == ((3 + 20 + 1 + 2) / 4,)
    assert build_report(str(tmp_path), Storage()).to_json()["noc"]["90"] == row[0]  # type: ignore[index,call-overload]


def test_the_query_on_the_page_of_labelling_counts_0_for_a_good_start(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    run.open(request_of(label_record(start="damaged")))
    commit(run, "s0.tar", [(0.86, 0.96), (), (0.5,) * 20], start_ious=[0.8, 0.97, 0.91])
    page = Path(__file__).parents[2].joinpath("docs", "labelling.md").read_text()
    query = page.split("```sql\n")[1].split("```")[0].replace("runs/eval", str(tmp_path))
    row = duckdb.execute(query).fetchone()
    assert row == ((2 + 0 + 0) / 3,)
    assert build_report(str(tmp_path), Storage()).to_json()["noc"]["90"] == row[0]  # type: ignore[index,call-overload]


def test_parts_of_lost_attempts_do_not_count(tmp_path: Path) -> None:
    run = begin(str(tmp_path))
    commit(run, "s0.tar", [(0.5, 0.9)])
    part = next((tmp_path / "clicks").iterdir())
    part.with_name("s0-b_0.parquet").write_bytes(part.read_bytes())
    assert build_report(str(tmp_path), Storage()).clicks == 2


@pytest.mark.parametrize(
    ("target_iou", "defined"),
    [
        ("none", {"85", "90", "95"}),
        (1.0, {"85", "90", "95"}),
        (0.95, {"85", "90", "95"}),
        (0.9, {"85", "90"}),
        (0.5, set()),
    ],
)
def test_noc_is_undefined_above_the_iou_where_sessions_stopped(
    tmp_path: Path, target_iou: float | Literal["none"], defined: set[str]
) -> None:
    commit(begin(str(tmp_path), target_iou=target_iou), "s0.tar", [(0.5, 0.9)])
    report = build_report(str(tmp_path), Storage())
    for name in ("noc", "nof_published", "nof_never_reached"):
        column = report.to_json()[name]
        assert isinstance(column, dict)
        assert {key for key, value in column.items() if value is not None} == defined
    assert report.figures is not None
    assert report.figures.mean_iou == (0.5, 0.9, 0.9, 0.9)
    assert ("not defined: the sessions stopped at IoU" in printed(report)) == (len(defined) < 3)


def test_without_truth_there_are_counts_and_no_figures(tmp_path: Path) -> None:
    commit(begin(str(tmp_path)), "s0.tar", [(None, None), (None,)])
    report = build_report(str(tmp_path), Storage())
    nothing = {"85": None, "90": None, "95": None}
    figures = report.to_json()
    assert (figures["objects"], figures["clicks"], figures["mean_iou"], figures["auc"]) == (2, 3, None, None)
    assert figures["noc"] == figures["nof_published"] == figures["nof_never_reached"] == nothing
    assert "2 objects without truth: no IoU, not in the figures above" in printed(report)


def test_objects_without_truth_are_counted_but_not_in_the_means(tmp_path: Path) -> None:
    commit(begin(str(tmp_path)), "s0.tar", [(0.5, 0.9), (None,)])
    report = build_report(str(tmp_path), Storage())
    assert (report.objects, report.objects_with_truth, report.clicks) == (2, 1, 3)
    assert report.to_json()["noc"] == {"85": 2.0, "90": 2.0, "95": 4.0}


def test_a_run_that_has_committed_nothing_has_a_report(folder_url: str) -> None:
    begin(folder_url)
    report = build_report(folder_url, Storage())
    figures = report.to_json()
    assert (figures["objects"], figures["clicks"], figures["errors"]) == (0, 0, 0)
    assert figures["clicks_per_second"] is None
    assert "0 objects, 0 clicks, 0 of 1 shard\n" in printed(report)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"job": "train"}, "job: should be 'label', not \"train\""),
        ({"spec": {}}, "spec.dataset: is missing"),
        ({"given": 20}, "given: should be"),
        ({"frames": 1}, "frames: no such field"),
    ],
)
def test_a_run_json_that_no_run_has_written_is_refused(
    tmp_path: Path, change: dict[str, JsonValue], problem: str
) -> None:
    request = request_of(label_record())
    RunDirectory(str(tmp_path), Storage()).open(replace(request, document={**request.document, **change}))
    with pytest.raises(RunDirectoryError, match=r"run\.json does not say how the run was made") as caught:
        build_report(str(tmp_path), Storage())
    assert problem in str(caught.value)


def test_noc_of_logged_clicks_is_defined_where_every_object_got_there_or_had_all_its_clicks(
    tmp_path: Path,
) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    run.open(request_of(label_record(clicks="logged:log")))
    commit(run, "s0.tar", [(0.5, 0.86, 0.91), (0.1,) * 25], end_below_target="clicks_exhausted")
    report = build_report(str(tmp_path), Storage())
    assert report.to_json()["noc"] == {"85": (2 + 20) / 2, "90": (3 + 20) / 2, "95": None}
    assert report.to_json()["nof_never_reached"] == {"85": 1, "90": 1, "95": None}
    assert report.figures is not None
    assert len(report.figures.mean_iou) == 20
    assert "not defined: the logged clicks on some objects end below that IoU" in printed(report)


def test_a_replay_that_was_cut_off_counts_as_many_clicks_for_a_failure(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    run.open(request_of(label_record(clicks="logged:log", max_clicks=2, target_iou=0.95)))
    commit(run, "s0.tar", [(0.5, 0.86), (0.96,)], end_below_target="max_clicks")
    report = build_report(str(tmp_path), Storage())
    assert report.to_json()["noc"] == {"85": (2 + 1) / 2, "90": (2 + 1) / 2, "95": (2 + 1) / 2}
    assert report.to_json()["nof_never_reached"] == {"85": 0, "90": 1, "95": 1}


def test_noc_from_a_mask_is_its_own_and_a_good_start_counts_0(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    run.open(request_of(label_record(start="damaged", max_clicks=4, target_iou=0.95)))
    commit(run, "s0.tar", [(0.86, 0.96), (), (0.5,) * 4], start_ious=[0.8, 0.97, 0.7])
    report = build_report(str(tmp_path), Storage())
    assert report.to_json()["noc"] == {"85": (1 + 0 + 4) / 3, "90": (2 + 0 + 4) / 3, "95": (2 + 0 + 4) / 3}
    assert (report.objects, report.objects_with_truth, report.clicks) == (3, 3, 6)
    assert report.figures is not None
    assert report.figures.mean_start_iou == pytest.approx((0.8 + 0.97 + 0.7) / 3)
    assert report.figures.mean_iou == pytest.approx(
        ((0.86 + 0.97 + 0.5) / 3, (0.96 + 0.97 + 0.5) / 3, (0.96 + 0.97 + 0.5) / 3, (0.96 + 0.97 + 0.5) / 3)
    )
    assert printed(report).splitlines()[0] == (
        "From masks of mean IoU 0.823, local changes; a good start counts 0 clicks"
    )


def test_objects_of_several_starts_are_never_in_one_mean(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    run.open(request_of(label_record(clicks="logged:log", start="masks:old")))
    commit(run, "s0.tar", [(0.96,), (0.5, 0.97), ()], start_ious=[0.8, None, 0.99])
    report = build_report(str(tmp_path), Storage())
    figures = report.to_json()
    assert (figures["noc"], figures["mean_iou"], figures["auc"]) == (
        {"85": None, "90": None, "95": None},
        None,
        None,
    )
    assert [(one.start, one.objects) for one in report.by_start] == [("mask", 2), ("nothing", 1)]
    assert [one.at_threshold["90"].noc for one in report.by_start if one.at_threshold["90"] is not None] == [
        0.5,
        2.0,
    ]
    assert report.models[0].noc90 is None
    text = printed(report)
    assert "From masks of mean IoU 0.895, local changes; a good start counts 0 clicks; 2 objects" in text
    assert "From nothing; 1 object" in text


@pytest.mark.parametrize("reason", ["satisfied", "quality_reached", "no_change", "clicks_exhausted"])
def test_noc_is_undefined_if_sessions_were_ended_by_something_else(tmp_path: Path, reason: str) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    run.open(request_of(label_record(clicks="simulated:lazy?iou=0.88", max_clicks=4, target_iou=0.95)))
    commit(run, "s0.tar", [(0.5, 0.89), (0.96,)], end_below_target=reason)
    report = build_report(str(tmp_path), Storage())
    assert report.to_json()["noc"] == {"85": 1.5, "90": None, "95": None}
    text = printed(report)
    assert "Clicks of the simulated user lazy?iou=0.88, not the protocol's" in text
    assert "not defined: the clicks on some objects end below that IoU" in text


def test_an_object_without_any_click_that_started_from_nothing_is_a_failure(tmp_path: Path) -> None:
    """Another object had all of its pixels: there was nothing left to click."""
    run = begin(str(tmp_path))
    commit(run, "s0.tar", [(0.96,)])
    hidden = replace(mask_row("a", "2", num_clicks=0, iou=0.0), stop_reason="perfect", quality=None)
    commit_rows(run, "s1.tar", "a", [hidden], [])
    report = build_report(run.url, Storage())
    assert report.to_json()["noc"] == {"85": 2.5, "90": 2.5, "95": 2.5}


def test_a_click_table_with_a_click_missing_is_refused(tmp_path: Path) -> None:
    run = begin(str(tmp_path))
    commit_rows(run, "s0.tar", "a", [], [click_row("k", "1", 0), click_row("k", "1", 2)])
    with pytest.raises(MetricsError, match="object '1' of sample 'k' has clicks and no mask"):
        build_report(str(tmp_path), Storage())


def test_an_object_that_lacks_some_of_its_clicks_is_refused(tmp_path: Path) -> None:
    run = begin(str(tmp_path))
    commit_rows(run, "s0.tar", "a", [mask_row("k", "1", num_clicks=2)], [click_row("k", "1", 0)])
    with pytest.raises(MetricsError, match="object '1' of sample 'k' has 1 rows of clicks, and says 2"):
        build_report(str(tmp_path), Storage())


REPORT = Report(
    run_url="s3://bucket/a-run-with-a-name-that-is-longer-than-a-line-of-eighty-columns/davis-lite0-full",
    num_shards=12,
    num_expected=12,
    objects=1204,
    objects_with_truth=1204,
    clicks=6521,
    protocol=ClickProtocol("protocol", 20, 0.95, Start().resolved()),
    by_start=(
        StartFigures(
            start="nothing",
            objects=1204,
            mean_start_iou=None,
            at_threshold={"85": None, "90": None, "95": None},
            mean_iou=tuple(0.97 - 0.5 / click for click in range(1, 21)),
            auc=0.887,
            mean_boundary_iou=0.8126,
        ),
    ),
    errors_by_reason={"undecodable_image": 2, "empty_object": 1},
    clicks_per_second=7.8612,
    spent=TimeSpent(2.0, 60.0, 8.0, 2.0, 71.0, 18.0, 1.0, 0.5),
)


def test_in_a_pipe_the_report_is_plain_text_and_urls_stay_whole() -> None:
    text = printed(REPORT)
    assert text.isascii()
    assert f" {REPORT.run_url}\n" in text
    assert "1,204 objects, 6,521 clicks, 7.86 clicks/s, 12 shards" in text
    assert "3 errors: 2 undecodable_image, 1 empty_object" in text
    assert "\x1b" not in text


def test_the_report_says_where_the_time_went() -> None:
    assert (
        "time of the engine: network 71%, clicking 18%, opening 2%, rows 1%, waiting 8%; "
        "meanwhile: reading 2%, decoding 60%, storing 0%\n"
    ) in printed(REPORT, width=200)
    spent = REPORT.to_json()["time_spent"]
    assert isinstance(spent, dict)
    assert spent.keys() == set(PARTS)
    assert spent["network"] == {"seconds": 71.0, "share": 0.71}
    assert spent["decoding"] == {"seconds": 60.0, "share": 0.6}
    nowhere = replace(REPORT, spent=NO_TIME)
    assert "time of the engine" not in printed(nowhere)
    assert nowhere.to_json()["time_spent"] == {part: {"seconds": 0.0, "share": None} for part in PARTS}


def test_seconds_are_those_of_attempts_that_were_committed(tmp_path: Path) -> None:
    run = begin(str(tmp_path), num_shards=2)
    of_shards = [TimeSpent(*(number + part / 8 for part in range(len(PARTS)))) for number in (1, 2)]
    for number, spent in enumerate(of_shards):
        for attempt_spent in (spent, TimeSpent(*(99.0,) * len(PARTS))):  # the second attempt loses
            commit(run, f"s{number}.tar", [(0.5, 0.96)], spent=attempt_spent)
    found = build_report(run.url, Storage()).spent
    assert replace(found, storing=0.0) == replace(TimeSpent.total(of_shards), storing=0.0)
    assert 0 < found.storing < 99


@pytest.mark.parametrize(
    ("num_clicks", "shown"), [(7, ["1", "3", "5", "7"]), (20, ["1", "3", "5", "10", "20"]), (1, ["1"])]
)
def test_mean_iou_is_shown_for_clicks_that_were_made(num_clicks: int, shown: list[str]) -> None:
    figures = replace(REPORT.by_start[0], mean_iou=REPORT.by_start[0].mean_iou[:num_clicks])
    short = replace(REPORT, protocol=replace(REPORT.protocol, max_clicks=num_clicks), by_start=(figures,))
    assert ["clicks", *shown, "AuC", "boundary", "IoU,", "last"] in [
        line.split() for line in printed(short).splitlines()
    ]


def test_the_report_folder_holds_the_figures_and_a_page(folder_url: str) -> None:
    commit(begin(folder_url), "s0.tar", [(0.5, 0.9)])
    report = write_report(folder_url, Storage())
    assert report == build_report(folder_url, Storage())
    names = {basename(url) for url in Storage().list(join(folder_url, "report"))}
    assert names == {"summary.json", "report.html"}
    assert json.loads(Storage().read_bytes(join(folder_url, "report/summary.json"))) == report.to_json()
    assert Storage().read_bytes(join(folder_url, "report/report.html")).startswith(b"<!doctype html>")


def test_shards_that_were_set_aside_are_named(folder_url: str) -> None:
    run = begin(folder_url)
    commit(run, "s0.tar", [(0.5, 0.86)])
    for name in ("s0.tar", "s1.tar"):
        note_set_aside(run.storage, run.url, SetAsideShard(name, 3, "there is no such file"))
    report = build_report(folder_url, Storage())
    assert report.to_json()["set_aside"] == [
        {"shard": "s1.tar", "tries": 3, "reason": "there is no such file"}
    ], "the other one is committed"
    assert (
        "shard s1.tar was set aside after 3 tries: there is no such file; nothing of it is in the figures"
        in printed(report, width=200)
    )

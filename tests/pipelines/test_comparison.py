"""Runs are compared on the objects that all of them have, object by object."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from infra.errors import RunDirectoryError
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from pipelines.cli import app
from pipelines.errors import OptionError
from pipelines.inputs.run_record import StartsContent, request_of
from pipelines.jobs.comparison import FIGURES, Comparison, compare_runs
from pipelines.views.comparison import ComparisonView
from tests.pipelines.clicked_runs import Ious, begin, commit
from tests.specs import label_record

STORAGE = Storage()
QUICK, SLOW = (0.5, 0.96), (0.5, 0.6, 0.88, 0.96)


def run_of(folder: Path, objects: list[Ious], *more: list[Ious], max_clicks: int = 4) -> str:
    run = begin(str(folder), max_clicks=max_clicks)
    for idx, of_shard in enumerate((objects, *more)):
        commit(run, f"s{idx}.tar", of_shard)
    return run.url


def printed(comparison: Comparison) -> str:
    stream = io.StringIO()
    Console(file=stream, width=300).print(ComparisonView(comparison))
    return stream.getvalue()


def test_figures_and_paired_differences_are_means_over_the_common_objects(tmp_path: Path) -> None:
    first = run_of(tmp_path / "first", [SLOW, SLOW, SLOW, QUICK])
    second = run_of(tmp_path / "second", [QUICK, SLOW, SLOW, QUICK])
    compared = compare_runs([first, second], STORAGE)
    assert (compared.num_objects, compared.num_images) == (4, 2)
    figures = [{name: run.figures[name].mean for name in FIGURES} for run in compared.runs]  # type: ignore[union-attr]
    assert figures[0] == pytest.approx(
        {"noc85": 2.75, "noc90": 3.5, "noc95": 3.5, "mean_iou": 0.96, "mean_boundary_iou": 0.96}
    )
    assert figures[1] == pytest.approx(
        {"noc85": 2.5, "noc90": 3.0, "noc95": 3.0, "mean_iou": 0.96, "mean_boundary_iou": 0.96}
    )
    less = compared.runs[1].differences["noc90"]
    assert less is not None
    assert less.mean == pytest.approx(-0.5)
    assert less.interval == pytest.approx((-1.0, 0.0)), (
        "drawn by image: the first one differs by 1, the second by 0"
    )
    assert compared.runs[0].differences["noc90"] is not None
    assert compared.runs[0].differences["noc90"].interval == (0.0, 0.0)


def test_half_a_run_is_called_that_beside_a_whole_one(tmp_path: Path) -> None:
    for name, num_shards in (("half", 4), ("whole", 1)):
        commit(begin(str(tmp_path / name), num_shards=num_shards), "s0.tar", [QUICK, SLOW])
    compared = compare_runs([str(tmp_path / "whole"), str(tmp_path / "half")], STORAGE)
    assert printed(compared).count("half (unfinished: 1 of 4 shards)") == 2
    assert "whole (unfinished" not in printed(compared)
    whole, half = compared.to_json()["runs"]  # type: ignore[misc, str-unpack]
    assert [run["finished"] for run in (whole, half)] == [True, False]  # type: ignore[index, call-overload]
    assert (half["shards"], half["shards_expected"]) == (1, 4)  # type: ignore[index, call-overload]


def test_an_object_that_one_run_lacks_counts_for_none(tmp_path: Path) -> None:
    whole = run_of(tmp_path / "whole", [QUICK, QUICK], [SLOW, SLOW, (None, None)])
    part = run_of(tmp_path / "part", [SLOW, QUICK])
    compared = compare_runs([whole, part], STORAGE)
    assert compared.num_objects == 2
    assert [run.num_objects for run in compared.runs] == [4, 2], "those with truth"
    assert compared.runs[0].figures["noc90"].mean == 2.0  # type: ignore[union-attr]
    assert f"{whole}: 2 more objects, which another run lacks" in printed(compared)


def test_one_image_has_no_interval(tmp_path: Path) -> None:
    compared = compare_runs([run_of(tmp_path / "run", [QUICK, SLOW])], STORAGE)
    assert compared.runs[0].figures["noc90"].interval is None  # type: ignore[union-attr]
    row = printed(compared).splitlines()[1].split()
    assert row[1:] == ["2.50", "3.00", "3.00", "0.960", "0.960"]


def test_noc_above_the_target_of_a_run_is_not_defined_for_it(tmp_path: Path) -> None:
    run = begin(str(tmp_path / "early"), target_iou=0.9)
    commit(run, "s0.tar", [QUICK, SLOW, QUICK])
    compared = compare_runs([run_of(tmp_path / "late", [QUICK, SLOW, QUICK]), run.url], STORAGE)
    assert compared.runs[1].figures["noc95"] is None
    assert compared.runs[1].differences["noc95"] is None
    assert compared.runs[1].figures["noc90"] is not None
    assert json.loads(json.dumps(compared.to_json()))["runs"][1]["figures"]["noc95"] is None


def test_an_earlier_stop_is_not_shown_as_a_difference_of_models(tmp_path: Path) -> None:
    early = begin(str(tmp_path / "early"), target_iou=0.95)
    commit(early, "s0.tar", [QUICK, QUICK, QUICK])
    full = begin(str(tmp_path / "full"), target_iou="none")
    commit(full, "s0.tar", [(*QUICK, 0.97, 0.99)] * 3)
    less = compare_runs([early.url, full.url], STORAGE).runs[1].differences
    assert less["mean_iou"] is None
    assert less["noc90"] is not None


def test_runs_from_other_masks_differ_by_more_than_the_model(tmp_path: Path) -> None:
    urls = []
    for name, content in (("a", "1" * 64), ("b", "2" * 64), ("c", "1" * 64)):
        run = RunDirectory(str(tmp_path / name), STORAGE)
        record = label_record(start=f"masks:{name}", max_clicks=4)
        given = replace(record.given, start=StartsContent(fingerprint=content, num_objects=2))
        run.open(request_of(replace(record, given=given)))
        commit(run, "s0.tar", [(0.5, 0.96), (0.96,)], start_ious=[0.8, 0.7])
        urls.append(run.url)
    _, other, same = compare_runs(urls, STORAGE).runs
    assert other.incomparable.startswith("starts of other contents, ")
    assert set(other.differences.values()) == {None}
    assert same.incomparable == ""
    assert same.differences["noc85"] is not None


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"overlap": "exclude"}, "starts: --overlap exclude and allow"),
        ({"start": "damaged"}, "starts: damaged and nothing, --changes local and global"),
        ({"start": "damaged", "damage_seed": 3}, "--damage-seed 3 and 0"),
    ],
)
def test_starts_that_differ_are_told_by_the_settings_that_do(
    tmp_path: Path, settings: dict[str, Any], reason: str
) -> None:
    urls = []
    for name, own in (("first", {}), ("later", settings)):
        run = RunDirectory(str(tmp_path / name), STORAGE)
        run.open(request_of(label_record(**{"max_clicks": 4, "target_iou": 0.95} | own)))
        commit(run, "s0.tar", [QUICK, QUICK, QUICK])
        urls.append(run.url)
    later = compare_runs(urls, STORAGE).runs[1]
    assert reason in later.incomparable
    assert set(later.differences.values()) == {None}


def test_runs_over_other_data_are_compared_and_that_is_said(tmp_path: Path) -> None:
    urls = []
    for name in ("one", "two"):
        run = RunDirectory(str(tmp_path / name), STORAGE)
        record = label_record(max_clicks=4, target_iou=0.95)
        run.open(request_of(replace(record, dataset=replace(record.dataset, fingerprint=name))))
        commit(run, "s0.tar", [QUICK, SLOW, QUICK])
        urls.append(run.url)
    assert "the data sets differ" in printed(compare_runs(urls, STORAGE))
    assert "the data sets differ" not in printed(compare_runs(urls[:1], STORAGE))


def test_runs_that_do_not_compare_are_refused_in_one_line(tmp_path: Path) -> None:
    one = run_of(tmp_path / "one", [QUICK, SLOW])
    other = begin(str(tmp_path / "other"))
    commit(other, "elsewhere.tar", [QUICK])
    with pytest.raises(OptionError, match=r"no object with truth that .*one and .*other has clicked"):
        compare_runs([one, other.url], STORAGE)
    with pytest.raises(OptionError, match=r"allowed 20 clicks, .*one 4"):
        compare_runs([one, run_of(tmp_path / "long", [QUICK], max_clicks=20)], STORAGE)
    with pytest.raises(RunDirectoryError, match="is no run directory"):
        compare_runs([one, str(tmp_path / "nothing")], STORAGE)


def test_the_command_prints_what_a_program_and_what_a_person_reads(tmp_path: Path) -> None:
    urls = [run_of(tmp_path / name, [QUICK, SLOW, QUICK]) for name in ("a", "b")]
    told = CliRunner().invoke(app, ["compare", *urls])
    assert told.exit_code == 0, told.output
    assert "NoC@90" in told.stdout
    assert "3 objects of 2 images" in told.stdout
    figures = json.loads(CliRunner().invoke(app, ["compare", *urls, "--json"]).stdout)
    assert [run["run"] for run in figures["runs"]] == urls
    low, high = figures["runs"][0]["figures"]["noc90"]["interval"]
    assert low <= figures["runs"][0]["figures"]["noc90"]["mean"] <= high
    assert np.isfinite([low, high]).all()

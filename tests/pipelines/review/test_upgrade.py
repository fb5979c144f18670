"""A run is made again by another model, and what people have reviewed stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from actors.specs.model import ModelChoice
from actors.specs.review import UpgradeSpec
from actors.specs.verify import VerifySpec
from infra.runs.reviews import Verdict, read_reviews
from infra.runs.run_directory import RunDirectory
from mfp.clicks import Click
from pipelines.errors import OptionError
from pipelines.inputs.kept_reviews import find_kept
from pipelines.inputs.label_inputs import find_inputs
from pipelines.jobs.review.desk import Decision, Place
from pipelines.jobs.upgrade import label_spec_of, run_upgrade
from pipelines.jobs.verify import run_verify
from pipelines.progress_report import ProgressReport
from pipelines.views.upgrade import summary_lines
from tests.actors.shapes import write_shapes
from tests.pipelines.past_runs import label_here
from tests.pipelines.review.reviewed_runs import STORAGE, desk_of, shapes_run
from tests.specs import label_spec

pytestmark = pytest.mark.usefixtures("same_threads")
Rows = dict[tuple[str, str], Any]


def review_some(run: RunDirectory) -> dict[Verdict, tuple[str, str]]:
    """One object of each verdict."""
    desk = desk_of(run)
    listed: Any = desk.queue("worst", "open", 0, 500)["objects"]
    verdicts = (Verdict.ACCEPTED, Verdict.CORRECTED, Verdict.REJECTED)
    done = {}
    for one, verdict in zip(listed, verdicts, strict=False):
        place = Place(one["shard"], one["key"], one["id"])
        clicks = (Click(9, 9, True),) if verdict is Verdict.CORRECTED else ()
        desk.decide(Decision(place, 0, f"{verdict}", verdict, "", clicks))
        done[verdict] = place.sample_key, place.object_id
    place = Place(listed[0]["shard"], listed[0]["key"], "added-1")
    desk.decide(Decision(place, 0, "added", Verdict.ADDED, "", (Click(4, 4, True),)))
    return done


def rows(run: RunDirectory) -> tuple[Rows, dict[tuple[str, str], list[Any]]]:
    masks = {(row["sample_key"], row["object_id"]): row for row in run.read_masks().to_pylist()}
    clicks: dict[tuple[str, str], list[Any]] = {name: [] for name in masks}
    for row in run.read_clicks().to_pylist():
        clicks[row["sample_key"], row["object_id"]].append(row)
    return masks, clicks


def upgrade_spec(run: RunDirectory, out: Path) -> UpgradeSpec:
    return UpgradeSpec(run=run.url, out=str(out), model=ModelChoice("lite0"))


@pytest.mark.parametrize("overlap", ["allow", "exclude"])
def test_locked_rows_are_taken_over_and_all_others_made_by_the_new_model(
    tmp_path: Path, overlap: str
) -> None:
    old = shapes_run(tmp_path, overlap=overlap)
    done = review_some(old)
    spec = label_spec_of(upgrade_spec(old, tmp_path / "new"), STORAGE)
    new = label_here(spec)
    before, clicks_before = rows(old)
    after, clicks_after = rows(new)
    assert list(after) == list(before)
    kept = {done[Verdict.ACCEPTED], done[Verdict.CORRECTED]}
    for name, row in after.items():
        assert (row == before[name]) == (name in kept), name
        assert (clicks_after[name] == clicks_before[name]) == (name in kept), name
    (model_id,) = {row["model_id"] for name, row in after.items() if name not in kept}
    assert model_id != before[next(iter(kept))]["model_id"]
    assert run_verify(VerifySpec(run=new.url, sample=0)).is_good


def test_their_reviews_go_with_them_and_rejected_masks_wait_for_a_new_one(tmp_path: Path) -> None:
    old = shapes_run(tmp_path)
    done = review_some(old)
    spec = label_spec_of(upgrade_spec(old, tmp_path / "new"), STORAGE).resolved()
    new = label_here(spec)
    kept = find_kept(spec, find_inputs(spec, STORAGE).dataset, STORAGE)
    for _ in range(2):  # a second time nothing is new
        kept.put_into(new)
    reviews, of_old = read_reviews(new), read_reviews(old)
    assert reviews.keys() == of_old.keys() - {done[Verdict.REJECTED]}
    for name, review in reviews.items():
        assert replace(review, attempt="") == replace(of_old[name], attempt="")
    desk = desk_of(new)
    listed: Any = desk.queue("worst", "open", 0, 500)["objects"]
    assert done[Verdict.REJECTED] in {(one["key"], one["id"]) for one in listed}
    assert done[Verdict.ACCEPTED] not in {(one["key"], one["id"]) for one in listed}


def test_the_command_does_all_of_it_and_tells_what_changed(ray_cluster: None, tmp_path: Path) -> None:
    old = shapes_run(tmp_path)
    done = review_some(old)
    upgraded = run_upgrade(upgrade_spec(old, tmp_path / "new"))
    new = RunDirectory(str(tmp_path / "new"), STORAGE)
    before, after = rows(old)[0], rows(new)[0]
    assert (upgraded.accepted, upgraded.corrected, upgraded.added, upgraded.rejected) == (1, 1, 1, 1)
    assert upgraded.made_again == len(before) - 2
    changed = {name for name in after if after[name]["rle"] != before[name]["rle"]}
    assert upgraded.changed == len(changed)
    assert changed.isdisjoint({done[Verdict.ACCEPTED], done[Verdict.CORRECTED]})
    assert set(read_reviews(new)) == set(read_reviews(old)) - {done[Verdict.REJECTED]}
    table = pq.read_table(tmp_path / "new" / "report" / "changes.parquet").to_pylist()
    assert {(row["sample_key"], row["object_id"]) for row in table if row["is_kept"]} == {
        done[Verdict.ACCEPTED],
        done[Verdict.CORRECTED],
    }
    assert all(
        (row["same"] == 1.0) == ((row["sample_key"], row["object_id"]) not in changed) for row in table
    )
    lines = "\n".join(summary_lines(upgraded, new.url))
    assert "3 kept with their reviews: 1 accepted, 1 corrected, 1 added" in lines
    # the same again is done already
    again = run_upgrade(upgrade_spec(old, tmp_path / "new"))
    assert again.to_json() == upgraded.to_json()


def test_what_is_decided_while_the_new_run_is_made_is_not_told_as_kept(
    ray_cluster: None, tmp_path: Path
) -> None:
    old = shapes_run(tmp_path)
    done = review_some(old)
    desk = desk_of(old, "Bob")
    listed: Any = desk.queue("worst", "open", 0, 1)["objects"]
    late = Place(listed[0]["shard"], listed[0]["key"], listed[0]["id"])

    def decide_late(report: ProgressReport) -> None:
        if (late.sample_key, late.object_id) not in read_reviews(old):
            desk.decide(Decision(late, 0, "late", Verdict.ACCEPTED, ""))

    upgraded = run_upgrade(upgrade_spec(old, tmp_path / "new"), decide_late)
    assert (late.sample_key, late.object_id) in read_reviews(old)
    assert upgraded.accepted == 1
    table = pq.read_table(tmp_path / "new" / "report" / "changes.parquet").to_pylist()
    kept = {(row["sample_key"], row["object_id"]) for row in table if row["is_kept"]}
    assert kept == {done[Verdict.ACCEPTED], done[Verdict.CORRECTED]}


def test_masks_of_other_data_are_not_taken_over(tmp_path: Path) -> None:
    old = shapes_run(tmp_path)
    review_some(old)
    write_shapes(str(tmp_path / "other"), STORAGE, num_samples=2)
    spec = label_spec(
        str(tmp_path / "other"), str(tmp_path / "new"), "analytic", keep_reviewed=old.url
    ).resolved()
    with pytest.raises(OptionError, match="it is a run over other data than"):
        find_inputs(spec, STORAGE)
    spec = label_spec(str(tmp_path / "data"), old.url, "analytic", keep_reviewed=old.url).resolved()
    with pytest.raises(OptionError, match="cannot take over its own masks"):
        find_inputs(spec, STORAGE)

"""The objects that are shown are the worst, the middle and the best ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.runs.run_directory import RunDirectory
from pipelines.jobs.run_objects import RunObjects
from pipelines.jobs.telling_objects import telling_objects
from tests.pipelines.clicked_runs import Ious, begin, commit


def _objects(run: RunDirectory) -> RunObjects:
    return RunObjects.read(run, list(run.committed().values()))


def _run(folder: Path, ious: list[Ious]) -> RunDirectory:
    run = begin(str(folder / "run"))
    commit(run, "s.tar", ious)
    return run


def test_the_roles_go_by_the_mean_iou_over_all_clicks(tmp_path: Path) -> None:
    late = [0.1, 0.1, 0.1, 0.9]  # its last mask is as good as that of `early`
    early = [0.9]
    ious: list[Ious] = [[0.5] * 4, early, late, [0.6] * 4, [0.7] * 4]
    chosen = telling_objects(_objects(_run(tmp_path, ious)), 4, 1)
    assert [(one.role, one.name) for one in chosen] == [
        ("worst", ("s.tar/1", "0")),
        ("median", ("s.tar/1", "1")),
        ("best", ("s.tar/0", "1")),
    ]
    assert [one.score for one in chosen] == pytest.approx([0.3, 0.6, 0.9])


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("each", range(4))
def test_no_object_is_chosen_twice(tmp_path: Path, count: int, each: int) -> None:
    ious: list[Ious] = [[place / 10] for place in range(count)]
    chosen = telling_objects(_objects(_run(tmp_path, ious)), 4, each)
    names = [one.name for one in chosen]
    assert len(names) == len(set(names)) == min(count, 3 * each)
    of_role = {role: [one.score for one in chosen if one.role == role] for role in ("worst", "best")}
    assert max(of_role["worst"], default=0) <= min(of_role["best"], default=1)


def test_without_truth_quality_decides(tmp_path: Path) -> None:
    objects = _objects(_run(tmp_path, [[None], [None]]))
    chosen = telling_objects(objects, 4, 1)
    assert len(chosen) == 2
    assert {one.score for one in chosen} <= set(objects.column("quality"))

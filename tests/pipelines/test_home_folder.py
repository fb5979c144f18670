"""From Python too, a `~` at the beginning of a path is the home folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import (
    Clicks,
    EngineSettings,
    LabelSpec,
    LayoutOptions,
    ModelChoice,
    ShardSpec,
    VerifySpec,
    compare,
    label,
    open_run,
    report,
    shard,
    verify,
)

DEMO = Path(__file__).parents[2] / "demo"


@pytest.mark.slow
def test_every_function_finds_and_makes_what_lies_in_the_home_folder(
    ray_cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "demo").symlink_to(DEMO)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(elsewhere)
    source = ShardSpec(
        source="~/demo", destination="~/data", layout="folder", reading=LayoutOptions(mask_values="instances")
    )
    assert shard(source).dataset.num_objects == 9
    labelled = label(
        LabelSpec(
            dataset="~/data",
            out="~/run",
            model=ModelChoice("analytic"),
            clicks=Clicks(max_clicks=1),
            network=EngineSettings(zoom_size=64, device="cpu"),
        )
    )
    assert labelled.summary.objects == labelled.report.objects == 9
    assert report("~/run").objects == 9
    assert [run.url for run in compare(["~/run", "~/run"]).runs] == [str(home / "run")] * 2
    assert open_run("~/run").spec.out == str(home / "run")
    assert verify(VerifySpec(run="~/run", sample=0)).objects == 9
    assert sorted(path.name for path in home.iterdir()) == ["data", "demo", "run"]
    assert not list(elsewhere.iterdir())

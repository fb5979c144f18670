"""A run of lite0 over the demonstration images."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from infra.runs.run_directory import RunDirectory
from pipelines.jobs.shard import run_shard
from tests.pipelines.past_runs import label_here
from tests.pipelines.review.reviewed_runs import ROOT, STORAGE
from tests.specs import label_spec, shard_spec


@pytest.fixture(scope="session")
def labelled_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demonstration images as a data set, and a run of one click an object."""
    folder = tmp_path_factory.mktemp("demo")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run_shard(shard_spec(str(ROOT / "demo"), str(folder / "data"), "folder", mask_values="instances"))
    label_here(
        label_spec(str(folder / "data"), str(folder / "run"), "lite0", max_clicks=1, backend="onnxruntime")
    )
    torch.set_num_threads(threads)
    return folder


@pytest.fixture
def demo_run(labelled_demo: Path, tmp_path: Path) -> RunDirectory:
    """A copy of that run, which nobody has reviewed."""
    shutil.copytree(labelled_demo / "run", tmp_path / "run")
    return RunDirectory(str(tmp_path / "run"), STORAGE)

"""Credentials stay where they were given: no file, message or log of a run repeats them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.storage.files import Storage, join
from tests.actors.shapes import write_shapes
from tests.canary import CANARY, files_with_canary


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """Where Ray keeps its logs: a short path, since it makes sockets there."""
    folder = Path(tempfile.mkdtemp(prefix="mfp", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def mfp(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | variables,
        check=False,
    )


def test_a_run_repeats_no_credential_anywhere(
    s3_bucket: str, s3_endpoint: str, ray_folder: Path, tmp_path: Path
) -> None:
    storage = Storage()
    write_shapes(join(s3_bucket, "data"), storage, num_samples=4, samples_per_shard=2, broken=[1])
    result = mfp(
        *("evaluate", join(s3_bucket, "data"), "--out", join(s3_bucket, "run"), "--model", "analytic"),
        *("--zoom-size", "64", "--max-clicks", "2", "--max-errors", "1"),
        AWS_ACCESS_KEY_ID=f"id-{CANARY}",
        AWS_SECRET_ACCESS_KEY=f"secret-{CANARY}",
        AWS_SESSION_TOKEN=f"token-{CANARY}",
        RAY_TMPDIR=str(ray_folder),
    )
    assert result.returncode == 3, result.stderr
    assert CANARY not in result.stdout + result.stderr
    written = list(storage.walk(join(s3_bucket, "run")))
    assert any(url.endswith("run.json") for url in written)
    assert not [url for url in written if CANARY.encode() in storage.read_bytes(url)]
    assert list(ray_folder.rglob("*.log")) or list(ray_folder.rglob("*.out")), "Ray has logged somewhere else"
    assert not files_with_canary(ray_folder)


def test_an_error_repeats_no_credential(s3_endpoint: str, tmp_path: Path) -> None:
    result = mfp(
        *("evaluate", "s3://no-such-bucket/data", "--out", str(tmp_path / "run"), "--model", "analytic"),
        AWS_ACCESS_KEY_ID=f"id-{CANARY}",
        AWS_SECRET_ACCESS_KEY=f"secret-{CANARY}",
    )
    assert result.returncode == 1
    assert "no such bucket" in result.stderr
    assert CANARY not in result.stdout + result.stderr


def test_the_canary_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"key={CANARY}")
    assert files_with_canary(tmp_path) == [str(tmp_path / "log")]

"""A run that is interrupted or pre-empted ends within seconds, in one line, and goes on where it stopped; after one
that is killed nobody goes on writing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from tests.actors.shapes import rows_of, write_shapes
from tests.process_tree import descendants, is_running, title

STORAGE = Storage()
NUM_SHARDS = 20
SECONDS_TO_END = 10
SECONDS_TO_NOTICE = 20  # until Ray's workers see that the driver and with it their node are gone
# Ray's own: they run no code of ours, and look about once a minute whether their node is still there
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
AGENT_FILES = ("ray/dashboard/agent.py", "ray/_private/runtime_env/agent/main.py")  # before they have a title
SECONDS_OF_SILENCE = 3  # a worker at work commits a shard every second or faster
SECONDS_TO_START = 120


@pytest.fixture
def temporary_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the run makes its temporary files; a short path, since Ray makes sockets there."""
    with tempfile.TemporaryDirectory(prefix="mfp", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setenv("RAY_TMPDIR", folder)
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
            monkeypatch.delenv(name, raising=False)  # the run makes a token of its own
        yield Path(folder)


def evaluate(dataset: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipelines.cli", "evaluate", str(dataset), "--out", str(out)]
    return subprocess.Popen(
        [*command, "--model", "analytic", "--zoom-size", "160", "--max-clicks", "8"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_take_ctrl_c,  # noqa: PLW1509
    )


def _take_ctrl_c() -> None:
    """What runs in the background, such as a CI job, may ignore Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_of(session: Path) -> list[str]:
    """Command lines that mention a folder, such as those of a Ray that still runs; without its agents."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if str(session) in line and not any(file in line for file in AGENT_FILES):
            found.append(line)
    return found


def wait_until_gone(session: Path) -> None:
    """One that was left at the deadline takes its Ray along, but cannot wait for that."""
    deadline = time.monotonic() + SECONDS_TO_NOTICE
    while left := processes_of(session):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_stopped_run_says_how_to_go_on_and_goes_on(
    tmp_path: Path, temporary_files: Path, number: signal.Signals, code: int, word: str
) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)
    run = RunDirectory(str(tmp_path / "run"), STORAGE)
    process = evaluate(tmp_path / "data", tmp_path / "run")
    wait_for(lambda: any((tmp_path / "run" / "commits").glob("*.json")), process)
    stopped = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - stopped < SECONDS_TO_END
    assert process.returncode == code, errors
    assert errors.splitlines()[-1] == f"mfp: {word}; the same command goes on where it stopped"
    assert "Traceback" not in errors
    assert "***" not in errors, "Ray's own handler prints a stack trace"
    assert not list(temporary_files.glob("mfp-ray-token-*"))
    wait_until_gone(temporary_files)
    before = run.committed()
    assert 0 < len(before) < NUM_SHARDS
    again = evaluate(tmp_path / "data", tmp_path / "run")
    output, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert f"({len(before)} of them done before)" in output
    assert len(run.committed()) == NUM_SHARDS
    names = [(row["sample_key"], row["object_id"]) for row in rows_of(run)["masks"]]
    assert len(names) == len(set(names))


def test_of_a_killed_driver_no_worker_is_left_and_nothing_is_written_any_more(
    tmp_path: Path, temporary_files: Path
) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)
    run = RunDirectory(str(tmp_path / "run"), STORAGE)
    process = evaluate(tmp_path / "data", tmp_path / "run")
    wait_for(lambda: any((tmp_path / "run" / "commits").glob("*.json")), process)
    started = descendants(process.pid)
    assert any(title(pid).startswith("ray::LabelWorker") for pid in started), "what the test looks for exists"
    process.kill()
    killed = time.monotonic()
    process.communicate()
    while alive := [title(pid) for pid in started if is_running(pid) and not title(pid).startswith(AGENTS)]:
        assert time.monotonic() - killed < SECONDS_TO_NOTICE, alive
        time.sleep(0.1)
    left = STORAGE.walk_info(run.url)
    time.sleep(SECONDS_OF_SILENCE)
    assert STORAGE.walk_info(run.url) == left


def test_ctrl_c_while_ray_starts_is_no_crash(tmp_path: Path, temporary_files: Path) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2, samples_per_shard=2)
    process = evaluate(tmp_path / "data", tmp_path / "run")
    wait_for(lambda: any(temporary_files.glob("mfp-ray-token-*")), process)
    time.sleep(1)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1] == "mfp: interrupted; the same command goes on where it stopped"
    assert "Traceback" not in errors
    wait_until_gone(temporary_files)

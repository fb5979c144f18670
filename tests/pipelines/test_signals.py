"""A run that is interrupted or pre-empted ends within seconds, in one line, and goes on where it stopped; after one
that is killed nobody goes on writing."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.runs.run_directory import RunDirectory
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from tests.actors.shapes import rows_of, shape_sample, write_shapes
from tests.process_tree import descendants, is_running, title

STORAGE = Storage()
NUM_SHARDS = 20
SECONDS_TO_NOTICE = 20  # until Ray's workers see that the driver and with it their node are gone
# Ray's own: they run no code of ours, and look about once a minute whether their node is still there
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
AGENT_FILES = ("ray/dashboard/agent.py", "ray/_private/runtime_env/agent/main.py")  # before they have a title
SECONDS_OF_SILENCE = 3  # a worker at work commits a shard every second or faster


@pytest.fixture
def temporary_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the run makes its temporary files; a short path, since Ray makes sockets there."""
    with tempfile.TemporaryDirectory(prefix="mfp", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setenv("RAY_TMPDIR", folder)
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
            monkeypatch.delenv(name, raising=False)  # the run makes a token of its own
        yield Path(folder)


EVALUATE = "evaluate {data} --out {run} --model analytic --zoom-size 160 --max-clicks 8"
TRAIN = (
    "train {data} --out {run} --steps 10000 --batch-size 2 --crop-size 64 --loader-workers 0 --device cpu "
    "--checkpoint-every 5000"
)
FLYWHEEL = (
    "flywheel {data} --train-on {seed} --evaluation {held_out} --out {run} --model lite0 --rounds 1 --device cpu "
    "--zoom-size 96 --train-steps 10000 --checkpoint-every 5000 --crop-size 64 --batch-size 2 --loader-workers 0 "
    "--cpus-per-worker 0.5"
)
IN_RAYS_WAIT = ("ray/_private/worker.py", "wait")
WHERE_RAY_STARTS = ("ray/_private/", "*")
IN_A_JOIN = ("threading.py", "_wait_for_tstate_lock")


def evaluate(folder: Path) -> subprocess.Popen[str]:
    return start(folder, EVALUATE, IN_RAYS_WAIT)


def start(folder: Path, line: str, inside: tuple[str, str]) -> subprocess.Popen[str]:
    """Start a command on the data set in `folder`, watched for the moment it is `inside` a wait."""
    names = {name: str(folder / name) for name in ("data", "seed", "held_out", "run")}
    command = [sys.executable, "-m", "tests.pipelines.watched_cli", str(folder), *inside]
    return subprocess.Popen(
        [*command, *line.format(**names).split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_take_ctrl_c,  # noqa: PLW1509
    )


def _take_ctrl_c() -> None:
    """What runs in the background, such as a CI job, may ignore Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for an event; what never comes is ended by the time-out of the suite."""
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def stop_inside(folder: Path, process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Send a signal while the command is inside its wait; what it printed on stderr, which is in order."""
    (folder / "look").touch()
    wait_for((folder / "inside").exists, process)
    process.send_signal(number)
    _, errors = process.communicate()
    word = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}[number]
    assert process.returncode == 128 + number, errors
    assert errors.splitlines()[-1] == f"mfp: {word}; the same command goes on where it stopped"
    assert "Traceback" not in errors
    assert "SystemError" not in errors
    assert "***" not in errors, "Ray's own handler prints a stack trace"
    return errors


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


STOPS = (signal.SIGTERM, signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize("number", STOPS)
def test_a_run_that_is_stopped_inside_rays_wait_goes_on_with_the_same_command(
    tmp_path: Path, temporary_files: Path, number: signal.Signals
) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)
    run = RunDirectory(str(tmp_path / "run"), STORAGE)
    process = evaluate(tmp_path)
    wait_for(lambda: any((tmp_path / "run" / "commits").glob("*.json")), process)
    stop_inside(tmp_path, process, number)
    assert not list(temporary_files.glob("mfp-ray-token-*"))
    wait_until_gone(temporary_files)
    before = run.committed()
    assert 0 < len(before) < NUM_SHARDS
    again = evaluate(tmp_path)
    output, errors = again.communicate()
    assert again.returncode == 0, errors
    assert f"({len(before)} of them done before)" in output
    assert len(run.committed()) == NUM_SHARDS
    names = [(row["sample_key"], row["object_id"]) for row in rows_of(run)["masks"]]
    assert len(names) == len(set(names))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "stage"),
    [(signal.SIGTERM, "driver.json"), (signal.SIGINT, "training.json")],  # training, starting
)
def test_a_training_that_is_stopped_inside_its_wait_ends_in_one_line(
    tmp_path: Path, temporary_files: Path, number: signal.Signals, stage: str
) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=8, samples_per_shard=2)
    process = start(tmp_path, TRAIN, IN_A_JOIN)
    wait_for((tmp_path / "run" / stage).exists, process)
    stop_inside(tmp_path, process, number)
    wait_until_gone(temporary_files)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "stage", "inside"),
    [
        (signal.SIGTERM, "round-01/labels/run.json", IN_RAYS_WAIT),
        (signal.SIGINT, "round-01/selection.json", IN_A_JOIN),
    ],
)
def test_a_flywheel_that_is_stopped_while_it_labels_or_trains_ends_in_one_line(
    tmp_path: Path, temporary_files: Path, number: signal.Signals, stage: str, inside: tuple[str, str]
) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=4, samples_per_shard=2)
    for first, name in ((20, "seed"), (30, "held_out")):
        write_dataset((shape_sample(first + number) for number in range(2)), str(tmp_path / name), STORAGE)
    process = start(tmp_path, FLYWHEEL, inside)
    wait_for((tmp_path / "run" / stage).exists, process)
    stop_inside(tmp_path, process, number)
    wait_until_gone(temporary_files)


def test_of_a_killed_driver_no_worker_is_left_and_nothing_is_written_any_more(
    tmp_path: Path, temporary_files: Path
) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)
    run = RunDirectory(str(tmp_path / "run"), STORAGE)
    process = evaluate(tmp_path)
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
    process = start(tmp_path, EVALUATE, WHERE_RAY_STARTS)
    stop_inside(tmp_path, process, signal.SIGINT)
    wait_until_gone(temporary_files)

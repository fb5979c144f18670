"""A process that was told to stop is gone when its deadline comes, and lives where it has closed before."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SECONDS = 0.5
SECONDS_TO_START = 60

PROGRAM = f"""
import signal, sys, time
from pathlib import Path
from actors import stop_deadline
from actors.stop_request import noted_signals

stop_deadline.SECONDS = {SECONDS}
stop_deadline.before_forced_end(Path(sys.argv[1]).unlink)


def seconds(number):
    print("ready", flush=True)
    time.sleep(number)
"""
STUCK = "with stop_deadline.deadlines(), noted_signals(): seconds(60)"
IGNORED = """
signal.signal(signal.SIGINT, signal.SIG_IGN)
with stop_deadline.deadlines(), noted_signals(): seconds(1)
print("went on")
"""
CLOSED_IN_TIME = """
try:
    with stop_deadline.deadlines(), noted_signals(): seconds(0.2)
except KeyboardInterrupt:
    time.sleep(1)
    print("closed")
"""


def start(program: str, token: Path) -> subprocess.Popen[str]:
    token.touch()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + program, str(token)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_what_does_not_close_is_left_at_the_deadline(
    tmp_path: Path, number: signal.Signals, code: int, word: str
) -> None:
    process = start(STUCK, tmp_path / "token")
    sent = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=SECONDS_TO_START)
    assert SECONDS <= time.monotonic() - sent < 10
    assert process.returncode == code
    assert errors == f"mfp: {word}; the same command goes on where it stopped\n"
    assert not (tmp_path / "token").exists()


def test_what_has_closed_in_time_goes_on(tmp_path: Path) -> None:
    process = start(CLOSED_IN_TIME, tmp_path / "token")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=SECONDS_TO_START)
    assert (process.returncode, output, errors) == (0, "closed\n", "")
    assert (tmp_path / "token").exists()


def test_a_signal_that_is_ignored_sets_no_deadline(tmp_path: Path) -> None:
    process = start(IGNORED, tmp_path / "token")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=SECONDS_TO_START)
    assert (process.returncode, output, errors) == (0, "went on\n", "")

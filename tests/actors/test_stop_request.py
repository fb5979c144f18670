"""A command that is told to stop is gone within a moment, or when what it has open is closed, or at the deadline."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process_tree import takes_signal
from tests.signalled_commands import CODES, take_ctrl_c
from tests.waiting import HANGS, wait_until

SECONDS = 0.5
LINES = {
    signal.SIGTERM: "mfp: terminated; what a person can do\n",
    signal.SIGINT: "mfp: interrupted; what a person can do\n",
}
SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])

PROGRAM = f"""
import signal, sys, threading, time
from pathlib import Path
from actors import stop_request
from actors.stop_request import Stopped, before_leaving, check_stop, closed_in_order, run_command

stop_request.SECONDS = {SECONDS}


def ready():
    print("ready", flush=True)


def command():
    %s


before_leaving(Path(sys.argv[1]).unlink)
run_command(command, "what a person can do")
"""
NOTHING_OPEN = """
    ready()
    time.sleep(60)
"""
CLOSED = """
    stop_request.SECONDS = 300
    with closed_in_order():
        try:
            ready()
            while True:
                check_stop()
                time.sleep(0.01)
        finally:
            time.sleep(0.2)
            print("closed")
"""
STUCK = """
    with closed_in_order():
        ready()
        time.sleep(60)
"""
CAUGHT_BY_SOMEBODY_ELSE = """
    stop_request.SECONDS = 300
    def somebody_elses():
        try:
            ready()
            stop_request._requested.wait()
            time.sleep(0.1)
        except BaseException:
            print("torn")
    with closed_in_order():
        somebody_elses()
        try:
            check_stop()
        finally:
            print("whole")
"""
OPENED_TOO_LATE = """
    with closed_in_order():
        ready()
        while not stop_request._requested.is_set():
            time.sleep(0.01)
        with closed_in_order():
            print("opened all the same")
"""
WENT_ON = """
    ready()
    time.sleep(1)
    print("went on")
"""
LEAVES_A_THREAD = """
    def waits():
        ready()
        time.sleep(600)
    threading.Thread(target=waits, daemon=False).start()
"""
NOT_YET_FLUSHED = """
    with closed_in_order():
        ready()
        stop_request._requested.wait()
        print("the last words", end="")
"""
IGNORED = "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"


def start(command: str, token: Path, first: str = "") -> subprocess.Popen[str]:
    token.touch()
    process = subprocess.Popen(
        [sys.executable, "-c", first + PROGRAM % command.strip(), str(token)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=take_ctrl_c,  # noqa: PLW1509
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=HANGS)
    return process.returncode, output, errors


@SIGNALS
@pytest.mark.parametrize(
    ("command", "output"),
    [
        (NOTHING_OPEN, ""),
        (CLOSED, "closed\n"),
        (STUCK, ""),
        (OPENED_TOO_LATE, ""),
    ],
)
def test_a_command_that_is_told_to_stop_leaves_with_one_line_and_the_code_of_the_signal(
    tmp_path: Path, number: signal.Signals, command: str, output: str
) -> None:
    process = start(command, tmp_path / "token")
    process.send_signal(number)
    assert ended(process) == (CODES[number], output, LINES[number])
    assert not (tmp_path / "token").exists(), "done before leaving"


@SIGNALS
def test_what_is_under_way_is_not_torn_by_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    process = start(CAUGHT_BY_SOMEBODY_ELSE, tmp_path / "token")
    process.send_signal(number)
    assert ended(process) == (CODES[number], "whole\n", LINES[number])


def test_a_signal_that_was_ignored_before_stops_nothing(tmp_path: Path) -> None:
    process = start(WENT_ON, tmp_path / "token", f"import signal; {IGNORED}")
    process.send_signal(signal.SIGINT)
    assert ended(process) == (0, "went on\n", "")


@pytest.mark.parametrize(
    ("command", "code", "line"),
    [
        ("ready()\n    sys.exit(3)", 3, ""),
        ("ready()\n    1 / 0", 1, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_command_that_ends_by_itself_ends_as_it_would_alone(
    tmp_path: Path, command: str, code: int, line: str
) -> None:
    found, output, errors = ended(start(command, tmp_path / "token"))
    assert (found, output, errors.splitlines()[-1:]) == (code, "", [line] if line else [])


@SIGNALS
def test_a_process_that_only_waits_for_somebodys_thread_can_still_be_stopped(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = start(LEAVES_A_THREAD, tmp_path / "token")
    wait_until(lambda: not takes_signal(process.pid, number))  # the command has ended
    process.send_signal(number)
    assert ended(process) == (-number, "", "")


@SIGNALS
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_is_gone_changes_neither_the_code_nor_the_lines(
    tmp_path: Path, number: signal.Signals, stream: str
) -> None:
    process = start(NOT_YET_FLUSHED, tmp_path / "token")
    reader = getattr(process, stream)
    reader.close()
    setattr(process, stream, None)
    process.send_signal(number)
    assert ended(process)[::2] == (CODES[number], LINES[number] if stream == "stdout" else None)

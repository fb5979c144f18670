"""Commands that get a signal while they are known to be inside a call, and how they must end then."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from tests.process_tree import descendants, is_running, title
from tests.waiting import HANGS

SECONDS_TO_END = 10
# A limit for what never comes: how long until Ray's workers see that the driver, and with it their node, is gone.
SECONDS_TO_NOTICE = 120
# Ray's own: they run no code of ours, and look about once a minute whether their node is still there
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
AGENT_FILES = ("ray/dashboard/agent.py", "ray/_private/runtime_env/agent/main.py")  # before they have a title

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
_HOW = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_GOES_ON = "; the same command goes on where it stopped"
_WHAT_NEXT = {
    "label": _GOES_ON,
    "train": _GOES_ON,
    "flywheel": _GOES_ON,
    "shard": "; the same command begins again",
    "logs": "",
}

_SIGNS_OF_A_CRASH = (
    "Traceback",
    "SystemError",
    "Exception ignored",
    "***",
)  # the last is Ray's own stack trace


def last_line(command: str, number: signal.Signals) -> str:
    """What a command prints when a signal ends it."""
    return f"mfp: {_HOW[number]}{_WHAT_NEXT[command]}"


class Ended:
    """How a command has ended: its exit code and output, how long after the signal, and what it had started."""

    def __init__(self, command: str, process: subprocess.Popen[str], number: signal.Signals) -> None:
        self.command = command
        started = descendants(process.pid)
        sent = time.monotonic()
        process.send_signal(number)
        try:
            self.code = process.wait(timeout=120)  # what it prints fits the pipe
        except subprocess.TimeoutExpired:
            process.kill()
            self.code = process.wait()
        self.seconds = time.monotonic() - sent
        self.output, self.errors = process.communicate(timeout=120)
        self._started = started

    def left_behind(self) -> list[str]:
        """Titles of the processes it had started that still run after Ray has had time to notice."""
        noticed = time.monotonic() + SECONDS_TO_NOTICE
        while alive := [line for pid in self._started if (line := _alive(pid))]:
            if time.monotonic() > noticed:
                return alive
            time.sleep(0.1)
        return []


def take_ctrl_c() -> None:
    """What runs in the background, such as a CI job, may ignore Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start_mfp(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    return _start(["-m", "pipelines", *arguments], environment=environment)


def stop_inside(
    call: str,
    number: signal.Signals,
    arguments: Sequence[str],
    after: str = "/*",
    num_files: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Send a signal while a command is inside a call (see `tests.watched_cli`), once as many files match `after`."""
    told, teller = os.pipe()
    try:
        command = ["-m", "tests.watched_cli", str(teller), call, after, str(num_files), *arguments]
        process = _start(command, [teller], environment)
        deadline = time.monotonic() + HANGS
        while not select.select([told], [], [], 0.5)[0]:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, f"{arguments[0]} was never inside {call}"
        return Ended(arguments[0], process, number)
    finally:
        os.close(told)
        os.close(teller)


def assert_ended_by(number: signal.Signals, ended: Ended) -> None:
    """In time, with the shell's exit code and one line, and nothing left running."""
    assert list(findings(number, ended)) == [], ended.errors


def findings(number: signal.Signals, ended: Ended) -> Iterator[str]:
    """What is not as it should be about a command that a signal has ended."""
    lines = ended.errors.splitlines()
    if ended.code != CODES[number]:
        yield f"exit code {ended.code} after {number.name}"
    line = last_line(ended.command, number)
    if lines[-1:] != [line] or ended.errors.count(line) != 1:
        yield f"its last line is {lines[-1:]}"
    yield from (f"it prints {sign!r}" for sign in _SIGNS_OF_A_CRASH if sign in ended.errors)
    if ended.seconds > SECONDS_TO_END:
        yield f"it took {ended.seconds:.1f} s to end"
    yield from (f"{line} still runs" for line in ended.left_behind())


def _start(
    arguments: Sequence[str], descriptors: Sequence[int] = (), environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=descriptors,
        env=environment,
        preexec_fn=take_ctrl_c,  # noqa: PLW1509
    )


def _alive(pid: int) -> str:
    """What a process calls itself while it runs, unless it is one of Ray's agents; else nothing."""
    line = title(pid) if is_running(pid) else ""
    is_agent = line.startswith(AGENTS) or any(file in line for file in AGENT_FILES)
    return "" if is_agent else line

"""Signals at random moments: a command that is told to stop ends in time, in one line, and goes on when given again."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.errors import ChaosError
from tests.chaos.signalled_jobs import NUM_JOBS, SignalledJob, followed_log, jobs_on_local_files
from tests.chaos.summary import SignalTries
from tests.chaos.surroundings import surroundings
from tests.process_tree import takes_signal
from tests.signalled_commands import Ended, findings, start_mfp

SECONDS_UNDISTURBED = 1200
SECONDS_TO_TAKE_SIGNALS = 120  # of a process that Python is only starting
SECONDS_OF_A_LOG = 10.0  # in which a command that has no end gets its signal
_PAUSE_SECONDS = 0.05


def try_signals(
    folder: Path, num_tries: int, seconds: float, seed: int, say: Callable[[str], None]
) -> tuple[SignalTries, ...]:
    """Try every job in turn; each has an equal share of the seconds, after which it gets no further signal.

    Raises:
        ChaosError: an undisturbed command fails.

    """
    rng = random.Random(seed)
    found = []

    def give(job: SignalledJob) -> None:
        tried = _Trial(job, folder / job.name, rng, say).tries(num_tries, seconds / NUM_JOBS)
        say(f"{job.name}: {tried.stopped} times stopped, {len(tried.findings)} findings")
        found.append(tried)

    with surroundings({}) as own:
        for job in jobs_on_local_files(folder / "data"):
            give(job)
        with followed_log(
            own, folder / "data"
        ) as job:  # last: what is logged takes a processor all the while
            give(job)
    return tuple(found)


class _Trial:
    """Signals for one job."""

    def __init__(
        self, job: SignalledJob, folder: Path, rng: random.Random, say: Callable[[str], None]
    ) -> None:
        self._job = job
        self._folder = folder
        self._rng = rng
        self._say = say
        self._num_runs = 0

    def tries(self, num_tries: int, seconds: float) -> SignalTries:
        """Run the job once alone, then with a signal each time, and at last to its end."""
        usual = self._finish() if self._job.goes_on else SECONDS_OF_A_LOG
        until = time.monotonic() + seconds
        self._num_runs += 1
        stopped, too_late, slowest, wrong = 0, 0, 0.0, list[str]()
        for _ in range(num_tries):
            if time.monotonic() > until:
                break
            number = self._rng.choice([signal.SIGINT, signal.SIGTERM])
            moment = self._rng.uniform(0, usual)
            ended = self._stopped(number, moment)
            if isinstance(ended, int):
                if ended:
                    wrong.append(f"{self._job.name} failed by itself: exit code {ended}")
                too_late += 1
                self._num_runs += 1
                continue
            stopped += 1
            slowest = max(slowest, ended.seconds)
            wrong += self._told(number, moment, ended)
        if self._job.goes_on:
            try:
                self._finish()
            except ChaosError as error:
                wrong.append(f"does not go on: {error}")
        return SignalTries(self._job.name, stopped, too_late, slowest, tuple(wrong))

    def _told(self, number: signal.Signals, moment: float, ended: Ended) -> Iterator[str]:
        for finding in findings(number, ended):
            line = f"{self._job.name}, {number.name} after {moment:.1f} s: {finding}"
            self._say(f"{line}\n{ended.errors}")
            yield line

    def _stopped(self, number: signal.Signals, moment: float) -> Ended | int:
        """Send a signal so many seconds after the command has begun; its exit code if it has ended by itself before."""
        process = self._start()
        begun = time.monotonic()
        try:
            while not takes_signal(process.pid, signal.SIGTERM):
                if process.poll() is not None or time.monotonic() - begun > SECONDS_TO_TAKE_SIGNALS:
                    raise ChaosError(f"{self._job.name} does not start")
                time.sleep(_PAUSE_SECONDS)
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            return Ended(self._job.name, process, number)
        finally:
            process.kill()
        return process.returncode

    def _finish(self) -> float:
        """Run to the end, and tell how many seconds that took."""
        begun = time.monotonic()
        process = self._start()
        try:
            _, errors = process.communicate(timeout=SECONDS_UNDISTURBED)
        except subprocess.TimeoutExpired:
            raise ChaosError(f"takes more than {SECONDS_UNDISTURBED} s") from None
        finally:
            process.kill()
        if process.returncode:
            raise ChaosError(f"exit code {process.returncode}: {errors.strip()[-200:]}")
        return time.monotonic() - begun

    def _start(self) -> subprocess.Popen[str]:
        out = str(self._folder / f"run-{self._num_runs}")
        return start_mfp(*self._job.arguments(out), environment=self._job.environment)

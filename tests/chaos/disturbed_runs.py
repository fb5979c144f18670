"""Labelling runs of which something is killed every few seconds, and started again, until they are done."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from infra.errors import InfraError
from tests.chaos.cluster import RayCluster
from tests.chaos.comparison import Rows, differing, rows_of_run, unnamed_parts
from tests.chaos.labelling import LabelRun
from tests.chaos.onlooker import Onlooker
from tests.chaos.s3_server import S3Server
from tests.chaos.schedule import PlannedFault, Target, planned_faults
from tests.chaos.summary import FinishedRun, HitFault

SECONDS_TO_FINISH = 600  # of a run, after the last fault
SECONDS_TO_VERIFY = 600
SECONDS_TO_LEAVE = 30  # of the workers of a run that is over
_TICK_SECONDS = 0.5


class DisturbedRuns:
    """One cluster, one S3 server, and the runs on them.

    Attributes:
        faults: those that have hit something.
        finished: runs that were done, and what they came to.
        findings: everything that should not be.

    """

    def __init__(
        self,
        seed: int,
        expected: Mapping[str, Rows],
        server: S3Server,
        cluster: RayCluster,
        new_run: Callable[[str], LabelRun],
        say: Callable[[str], None],
    ) -> None:
        self.faults: list[HitFault] = []
        self.finished: list[FinishedRun] = []
        self.findings: list[str] = []
        self._planned = planned_faults(seed)
        self._next = next(self._planned)
        self._expected = expected
        self._server = server
        self._cluster = cluster
        self._new_run = new_run
        self._say = say

    def disturb_for(self, seconds: float) -> None:
        """Kill what the schedule says, and start runs, until they have taken that long and the last one is done.

        Raises:
            ChaosError: the cluster does not answer any more.

        """
        left = seconds
        while left > 0:
            run = self._new_run(f"run-{len(self.finished) + 1}")
            with Onlooker(run.directory, self._expected) as onlooker:
                is_done = self._until_done(run, left)
                taken = run.seconds
            if not is_done:
                self.findings.append(f"{run.url} is not done {SECONDS_TO_FINISH} s after the last fault")
                return
            left -= taken
            self._check(run, onlooker, taken)
        self._check_nobody_is_left()

    def _until_done(self, run: LabelRun, seconds: float) -> bool:
        """One run to its end, with faults in the seconds given; False if the end does not come."""
        run.start_driver()
        quiet_since = time.monotonic()
        while run.seconds < seconds + SECONDS_TO_FINISH:
            if run.pid is None:
                if run.has_finished() and self._is_complete(run):
                    return True
                run.start_driver()
            if self._server.pid is None:
                self.findings.append("the S3 server has ended by itself")
                self._server.start()
            is_due = time.monotonic() - quiet_since >= self._next.gap and run.seconds < seconds
            if is_due and self._hit(self._next, run):
                self._next = next(self._planned)
                quiet_since = time.monotonic()
            time.sleep(_TICK_SECONDS)
        return False

    def _is_complete(self, run: LabelRun) -> bool:
        try:
            num_committed = len(run.directory.committed())
        except InfraError:
            return False  # the server was killed just now
        return num_committed == len(self._expected)

    def _hit(self, planned: PlannedFault, run: LabelRun) -> bool:
        """Kill a target that lives, and start it again; False if there is none now."""
        at = datetime.now(UTC)
        match planned.target:
            case Target.WORKER:
                pid = self._cluster.kill_worker(planned.draw)
            case Target.NODE:
                pid = self._cluster.kill_node(planned.draw)
            case Target.DRIVER:
                pid = run.kill_driver()
            case Target.S3_SERVER:
                pid = self._server.pid
                self._server.kill()
        if planned.target is not Target.WORKER:
            time.sleep(planned.down)
        match planned.target:
            case Target.NODE:
                self._cluster.add_node()
            case Target.DRIVER:
                run.start_driver()
            case Target.S3_SERVER:
                self._server.start()
        if pid is None:
            return False
        self.faults.append(HitFault(planned.target, pid))
        self._say(f"{at:%H:%M:%S} killed {planned.target}, process {pid}")
        return True

    def _check(self, run: LabelRun, onlooker: Onlooker, seconds: float) -> None:
        records = run.directory.committed()
        left = unnamed_parts(run.directory)
        named = {part.path for record in records.values() for part in record.parts.values()}
        found = [
            *onlooker.findings,
            *differing(self._expected, rows_of_run(run.directory)),
            *(f"{part} was left behind" for part in sorted(left)),
            *_verified(run),
        ]
        self.findings += [f"{run.url}: {finding}" for finding in found]
        self.finished.append(
            FinishedRun(
                url=run.url,
                seconds=seconds,
                objects=sum(record.objects for record in records.values()),
                clicks=sum(record.parts["clicks"].rows for record in records.values()),
                errors=sum(record.parts["errors"].rows for record in records.values()),
                committed=tuple(sorted(record.finished for record in records.values())),
                hand_outs=run.hand_outs(),
                num_drivers=run.num_drivers,
                ended=tuple(run.ended),
                num_orphans=len(onlooker.seen_parts - named),
                num_looks=onlooker.num_looks,
                num_unanswered=onlooker.num_unanswered,
            )
        )
        self._say(f"{run.url} is done after {seconds:.0f} s, {len(found)} findings")

    def _check_nobody_is_left(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_LEAVE
        while (workers := self._cluster.outliving_workers()) and time.monotonic() < deadline:
            time.sleep(_TICK_SECONDS)
        self.findings += [
            f"worker process {pid} still lives {SECONDS_TO_LEAVE} s after its run" for pid in workers
        ]


def _verified(run: LabelRun) -> list[str]:
    """What `mfp verify` has to say against a run."""
    command = [sys.executable, "-m", "pipelines", "verify", run.url, "--sample", "0.02"]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS_TO_VERIFY
        )
    except subprocess.TimeoutExpired:
        return [f"mfp verify has not ended for {SECONDS_TO_VERIFY} s"]
    return [] if result.returncode == 0 else [f"mfp verify: {result.stdout} {result.stderr}".strip()]

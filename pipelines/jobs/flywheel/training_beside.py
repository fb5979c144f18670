"""A training run beside other work of the same process: begun, looked at, waited for."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

from actors.specs.train import TrainSpec
from actors.stop_request import check_stop
from pipelines.jobs.train import TrainingRun, run_train
from pipelines.progress_report import OnProgress, ProgressReport

_POLL_SECONDS = 1.0


class TrainingBeside:
    """Runs `run_train` in a thread; its workers have their own place in the cluster."""

    def __init__(self, spec: TrainSpec) -> None:
        self._spec = spec
        self._report: ProgressReport | None = None
        self._notices: deque[str] = deque()
        self._result: TrainingRun | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="training", daemon=True)

    def start(self) -> None:
        """Begin, or go on from the newest checkpoint."""
        self._thread.start()

    @property
    def note(self) -> str:
        """How far it is, in a few words."""
        if self._report is None:
            return "training starts" if self._thread.is_alive() else "training done"
        return f"training step {self._report.done:,}/{self._report.total:,}"

    def next_notice(self) -> str:
        """Return a sentence of the training that was not told yet; "" if there is none."""
        return self._notices.popleft() if self._notices else ""

    def check(self) -> None:
        """Raise what ended the training, if it has failed."""
        if self._error is not None:
            raise self._error

    def wait(self, on_progress: OnProgress) -> TrainingRun:
        """Wait for the last step; raises what ended the training."""
        while self._thread.is_alive():
            self._thread.join(_POLL_SECONDS)
            check_stop()
            self._tell(on_progress)
        self._tell(on_progress)  # what it has said since; the last may be why it failed
        self.check()
        assert self._result is not None, "a training run that ends has a result or an error"
        return self._result

    def _tell(self, on_progress: OnProgress) -> None:
        """Tell how far it is, with every sentence that was not told yet."""
        report = ProgressReport(0) if self._report is None else self._report
        while notice := self.next_notice():
            on_progress(replace(report, notice=notice))
        on_progress(report)

    def _run(self) -> None:
        try:
            self._result = run_train(self._spec, self._take)
        except BaseException as error:  # raised again by whoever waits
            self._error = error

    def _take(self, report: ProgressReport) -> None:
        if report.notice:
            self._notices.append(report.notice)
        else:
            self._report = report

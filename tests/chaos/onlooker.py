"""Somebody who reads a run all the while, whatever happens to it: what is committed must be right at any moment."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from infra.errors import StorageError
from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from tests.chaos.comparison import Rows, differing, parts, rows_of_shard

_PAUSE_SECONDS = 3.0
_SECONDS_TO_END = 120.0  # of one look at a server that has just been killed


class Onlooker:
    """Looks at a run while the block goes on, from a thread.

    Attributes:
        num_looks: at the whole run.
        num_unanswered: looks that the storage did not answer.
        findings: what was not as it should be.
        seen_parts: part files that were ever there, paths below the run directory.

    """

    def __init__(self, run: RunDirectory, expected: Mapping[str, Rows]) -> None:
        self.num_looks = 0
        self.num_unanswered = 0
        self.findings: list[str] = []
        self.seen_parts: set[str] = set()
        self._run = run
        self._expected = expected
        self._records: dict[str, CommitRecord] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join(_SECONDS_TO_END)
        if self._thread.is_alive():
            self.findings.append(f"a look at {self._run.url} has not ended for {_SECONDS_TO_END:.0f} s")

    def _look_on(self) -> None:
        while not self._is_over.wait(_PAUSE_SECONDS):
            try:
                self._look()
            except StorageError:
                self.num_unanswered += 1
            except Exception as error:  # whatever it is, a reader must not meet it
                self.findings.append(f"a reader met {type(error).__name__}: {error}")

    def _look(self) -> None:
        self.seen_parts |= parts(self._run)
        records = self._run.committed()
        for shard in self._records.keys() - records.keys():
            self.findings.append(f"the commit record of {shard} is gone")
        for shard, record in records.items():
            if shard not in self._records:
                self._check(shard, record)
            elif record != self._records[shard]:
                self.findings.append(f"the commit record of {shard} has changed")
        self.num_looks += 1

    def _check(self, shard: str, record: CommitRecord) -> None:
        found = {shard: rows_of_shard(self._run, record)}
        expected = {shard: self._expected[shard]} if shard in self._expected else {}
        self.findings.extend(differing(expected, found))
        self._records[shard] = record

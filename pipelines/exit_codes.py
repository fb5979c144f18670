"""What the exit code of `mfp` says."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Usage errors (2) are Typer's own. QUARANTINED: finished, without some samples or shards that were set aside,
    or without decisions of an import that others stand in the way of.

    NOT_PASSED: `mfp compare --fail-if-worse` has compared, and a run is worse, or not shown to be no worse; or the
    audit of `mfp certify` shows of no set of masks that it is good.

    A command that a signal has stopped ends with 130 (SIGINT) or 143 (SIGTERM): see `actors.stop_request`.
    """

    DONE = 0
    FAILED = 1
    USAGE = 2
    QUARANTINED = 3
    NOT_PASSED = 4

"""The command line in a process that says when its main thread is inside a wait.

    python -m tests.pipelines.watched_cli FOLDER FILE FUNCTION COMMAND ...

Once FOLDER/look is there, FOLDER/inside appears at the next moment at which the innermost Python frame of the main
thread is FUNCTION (or any, if that is *) of a file whose path holds FILE: the thread then waits in compiled code
that was called there.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

_SECONDS_BETWEEN_LOOKS = 0.002


def main() -> None:
    """Run the command, watched."""
    folder, file, function, *command = sys.argv[1:]
    sys.argv[1:] = command
    watching = threading.Thread(target=_watch, args=(Path(folder), file, function), daemon=True)
    watching.start()
    from pipelines.cli import main as run

    run()


def _watch(folder: Path, file: str, function: str) -> None:
    main_thread = threading.main_thread().ident
    assert main_thread is not None, "it runs"
    seen = 0
    while seen < 2:  # twice: the moment before the call looks alike
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        code = sys._current_frames()[main_thread].f_code
        is_inside = file in code.co_filename and function in {code.co_name, "*"}
        seen = seen + 1 if is_inside and (folder / "look").exists() else 0
    (folder / "inside").touch()


if __name__ == "__main__":
    main()

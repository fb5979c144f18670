"""`python -m tests.chaos`: kill parts of a labelling run at random and see whether anything is lost or done twice."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import NoReturn

from tests.chaos.errors import ChaosError
from tests.chaos.experiment import ChaosOptions, run_chaos

SUMMARY_FILE = "summary.md"


def main() -> int:
    """Return 0 where nothing was found, 1 where something was, 2 where the run could not be made."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults hit")
    parser.add_argument("--shards", type=int, default=300, help="size of each run; there are as many as fit")
    parser.add_argument("--seed", type=int, default=1, help="draws the faults")
    parser.add_argument("--out", type=Path, default=Path("chaos-run"), help="new folder for logs and summary")
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"{given.out} exists: delete it, or give another folder as --out")
    given.out.mkdir(parents=True)
    signal.signal(signal.SIGTERM, _leave)
    options = ChaosOptions(given.minutes * 60, given.shards, given.seed, given.out.absolute())
    try:
        summary = run_chaos(options, say)
    except ChaosError as error:
        say(str(error))
        return 2
    command = f"python -m tests.chaos --minutes {given.minutes:g} --shards {given.shards} --seed {given.seed}"
    page = summary.to_markdown(command)
    (given.out / SUMMARY_FILE).write_text(page)
    say(f"\n\n{page}")
    return 0 if summary.is_good else 1


def say(line: str) -> None:
    """Print a line at once."""
    print(f"chaos: {line}", flush=True)  # noqa: T201


def _leave(number: int, _: object) -> NoReturn:
    """Leave by an exception, so that every process that was started is ended."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())

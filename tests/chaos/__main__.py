"""`python -m tests.chaos`: kill parts of a labelling run at random, and send commands signals at random moments.

Is anything lost or done twice, and does a command that is told to stop end as it should?
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import NoReturn

from tests.chaos.errors import ChaosError
from tests.chaos.experiment import ChaosOptions, run_chaos
from tests.chaos.signals import try_signals
from tests.chaos.summary import signals_page

SUMMARY_FILE = "summary.md"


def main() -> int:
    """Return 0 where nothing was found, 1 where something was, 2 where the run could not be made."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults hit; 0: none do")
    parser.add_argument("--shards", type=int, default=300, help="size of each run; there are as many as fit")
    parser.add_argument("--seed", type=int, default=1, help="draws the faults")
    parser.add_argument("--signals", type=int, default=10, help="signals that each command gets; 0: none")
    parser.add_argument(
        "--signal-minutes",
        type=float,
        default=20.0,
        help="in which they are sent, an equal share for each command",
    )
    parser.add_argument("--out", type=Path, default=Path("chaos-run"), help="new folder for logs and summary")
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"{given.out} exists: delete it, or give another folder as --out")
    given.out.mkdir(parents=True)
    signal.signal(signal.SIGTERM, _leave)
    options = ChaosOptions(given.minutes * 60, given.shards, given.seed, given.out.absolute())
    command = f"python -m tests.chaos --minutes {given.minutes:g} --shards {given.shards} --seed {given.seed}"
    pages, is_good = [], True
    try:
        if given.minutes:
            summary = run_chaos(options, say)
            pages.append(summary.to_markdown(command))
            is_good = summary.is_good
        if given.signals:
            folder = given.out.absolute() / "signals"
            tries = try_signals(folder, given.signals, given.signal_minutes * 60, given.seed, say)
            pages.append(signals_page(tries))
            is_good &= all(tried.is_good for tried in tries)
    except ChaosError as error:
        say(str(error))
        return 2
    page = "\n".join(pages)
    (given.out / SUMMARY_FILE).write_text(page)
    say(f"\n\n{page}")
    return 0 if is_good else 1


def say(line: str) -> None:
    """Print a line at once."""
    print(f"chaos: {line}", flush=True)  # noqa: T201


def _leave(number: int, _: object) -> NoReturn:
    """Leave by an exception, so that every process that was started is ended."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())

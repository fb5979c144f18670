"""The entry of `mfp`, also as `python -m pipelines`: signals are taken before anything that takes time is imported."""

from __future__ import annotations

import sys

from actors.stop_request import run_command

_GOES_ON = "the same command goes on where it stopped"
_AFTER_A_STOP = {
    "label": _GOES_ON,
    "upgrade": _GOES_ON,
    "evaluate": _GOES_ON,
    "train": _GOES_ON,
    "flywheel": _GOES_ON,
    "shard": "the same command begins again",
    "review": "every decision that the page called saved is in the run",
    "submit": "`mfp jobs` lists the job if the cluster has taken it",
}


def main() -> None:
    """Entry point of the console command."""
    run_command(_mfp, _AFTER_A_STOP.get(sys.argv[1] if len(sys.argv) > 1 else "", ""))


def _mfp() -> None:
    from pipelines.cli import app

    app()


if __name__ == "__main__":
    main()

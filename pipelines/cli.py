"""The command line `mfp`: it reads options, calls the job, and prints what came out.

Everything heavy (torch, ray, pyarrow) is imported inside the commands: `mfp --help` answers at once.
"""

from __future__ import annotations

import typer

from actors.stop_request import run_command
from pipelines.commands import cluster, data, flywheel, models, verify
from pipelines.commands.group import CommandGroup

app = typer.Typer(
    name="mfp",
    cls=CommandGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Object masks from a few clicks, at scale: label, evaluate and train click models with Ray.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished, but samples were quarantined.",
)
for commands in (data, verify, models, flywheel, cluster):
    commands.add_to(app)


def main() -> None:
    """Entry point of the console command."""
    run_command(app)


if __name__ == "__main__":
    main()

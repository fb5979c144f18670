"""The command line `mfp`: it reads options, calls the job, and prints what came out.

Everything heavy (torch, ray, pyarrow) is imported inside the commands: `mfp --help` answers at once.
"""

from __future__ import annotations

import typer

from pipelines import cluster_commands, data_commands, flywheel_command, model_commands, verify_command
from pipelines.command_group import CommandGroup

app = typer.Typer(
    name="mfp",
    cls=CommandGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Object masks from a few clicks, at scale: label, evaluate and train click models with Ray.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished, but samples were quarantined.",
)
for commands in (data_commands, verify_command, model_commands, flywheel_command, cluster_commands):
    commands.add_to(app)


def main() -> None:
    """Entry point of the console command."""
    app()


if __name__ == "__main__":
    main()

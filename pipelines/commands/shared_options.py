"""Options that several commands have beside their specification."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_ADDRESS = "http://127.0.0.1:8265"

JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="Job id, as `mfp submit` and `mfp jobs` print it.")
]
AddressOption = Annotated[
    str,
    typer.Option(
        "--address", metavar="URL", envvar="RAY_API_SERVER_ADDRESS", help="Dashboard of the Ray cluster."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]

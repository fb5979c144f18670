"""The commands that work through a cluster's job server: submit, jobs, status, logs, stop."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from actors.specs import prefixed
from actors.specs.leaves import Leaf, leaves_of, value_of
from actors.specs.places import is_in_home
from actors.specs.reading import StatusSpec
from pipelines.commands import option_values
from pipelines.commands.data import EVALUATE, LABEL
from pipelines.commands.flywheel import FLYWHEEL
from pipelines.commands.models import TRAIN
from pipelines.commands.shared_options import DEFAULT_ADDRESS, AddressOption, JobArgument
from pipelines.commands.spec_command import SpecCommand, shown_name

if TYPE_CHECKING:
    from infra.storage.options import StorageOptions
    from pipelines.jobs.submit import JobState

_PANEL = "On a Ray cluster"
_COMMANDS = {"label": LABEL, "evaluate": EVALUATE, "train": TRAIN, "flywheel": FLYWHEEL}


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command(
        rich_help_panel=_PANEL, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
    )(submit)
    app.command(rich_help_panel=_PANEL)(jobs)
    SpecCommand(StatusSpec, _PANEL).add_to(app, status)
    for command in (logs, stop):
        app.command(rich_help_panel=_PANEL)(command)


def submit(
    ctx: typer.Context,
    command: Annotated[
        Literal["label", "evaluate", "train", "flywheel"],
        typer.Argument(help="What to run; its own arguments and options follow (see `mfp label --help`)."),
    ],
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Run a command on a cluster; it outlives this terminal.

    For example: mfp submit label s3://bucket/photos --out s3://bucket/masks --model lite0
    """
    spec, config = _parsed(ctx, command)
    _check_model(spec)
    from pipelines.jobs.submit import JobCommand, check_locations
    from pipelines.jobs.submit import submit as submit_command

    check_locations(_locations(spec))
    arguments, settings = tuple(map(_with_home, ctx.args)), _carried(command, config)
    job_command = JobCommand(command, arguments, spec.out, spec.storage, config, settings)
    job_id = submit_command(job_command, address)
    typer.echo(f"{job_id} submitted: {command} -> {spec.out}")
    is_on_command_line = str(getattr(ctx.get_parameter_source("address"), "name", "")) == "COMMANDLINE"
    at = f" --address {address}" if is_on_command_line else ""
    typer.echo(f"How far it is: mfp status {job_id}{at}\nWhat it prints: mfp logs {job_id} --follow{at}")


def jobs(address: AddressOption = DEFAULT_ADDRESS) -> None:
    """List the jobs of this package, latest first."""
    from rich.table import Table

    from pipelines.commands.terminal import print_result
    from pipelines.jobs import submit as cluster
    from pipelines.progress import duration

    known = cluster.jobs(address)
    if not known:
        typer.echo(f"no jobs at {address}; `mfp submit` starts one")
        return
    table = Table("job", "command", "state", "for", box=None, pad_edge=False)
    table.add_column("run", overflow="fold")
    for job in known:
        time = "" if job.seconds is None else duration(job.seconds)
        table.add_row(job.job_id, job.command, job.status, time, job.run_url)
    print_result(table)


def status(spec: StatusSpec, address: AddressOption = DEFAULT_ADDRESS) -> None:
    """Say how far a job is.

    The shards are counted in its run directory: they are true even when the driver is gone.
    """
    from infra.runs.run_config import FLYWHEEL_FILE, RUN_FILE, TRAINING_FILE
    from pipelines.jobs.submit import job_state

    job = spec.job
    if "/" in job or any(Path(job, name).is_file() for name in (RUN_FILE, TRAINING_FILE, FLYWHEEL_FILE)):
        typer.echo(f"{job}: {_progress(job, spec.storage)}")
        return
    _print_job(job_state(job, address))


def logs(
    job: JobArgument,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the job ends.")] = False,
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Print what a job has printed."""
    from pipelines.jobs.submit import write_logs

    write_logs(job, address, follow, sys.stdout)


def stop(job: JobArgument, address: AddressOption = DEFAULT_ADDRESS) -> None:
    """End a job.

    What it had committed stays, and the same submission later goes on from there.
    """
    from pipelines.jobs import submit as cluster

    _print_job(cluster.stop(job, address))


def _parsed(ctx: typer.Context, command: str) -> tuple[Any, Path | None]:
    """Read the submitted arguments as that command would, so that mistakes show here and not on the cluster.

    Returns:
        The specification, and the configuration file that was named.

    """
    group: Any = ctx.find_root().command
    with group.get_command(ctx, command).make_context(f"mfp {command}", list(ctx.args)) as inner:
        return _COMMANDS[command].assemble(inner.params), inner.params["config"]


def _carried(command: str, config: Path | None) -> bytes:
    if config is None:
        return b""
    from pipelines.commands.config_file import carried_settings

    return carried_settings(config, _COMMANDS[command].leaves)


def _check_model(spec: Any) -> None:
    """An unknown name, and a model whose code is not trusted, show here and not on the cluster.

    Files may be there alone, and so may the package of a model that is trusted.
    """
    from infra.storage.files import Storage
    from pipelines.inputs.model_names import check_model_name, check_trust

    choice = getattr(spec, "model", None)
    if choice is None or choice.is_location or choice.training_run is not None or choice.trust_model_code:
        return
    if not choice.names_plug_in:
        check_model_name(choice, Storage(spec.storage))
    check_trust(choice)


def _with_home(argument: str) -> str:
    """An argument as it is sent: `~` is the home folder of whoever submits, not of the cluster."""
    option, equals, value = argument.partition("=")
    if argument.startswith("--") and equals:
        return f"{option}={_value_with_home(value)}"
    return _value_with_home(argument)


def _value_with_home(text: str) -> str:
    """A path, a model, or the NAME=PATH of an option of a model; paths have `=` in them too."""
    name, _, value = text.partition("=")
    is_option = is_in_home(value) and re.fullmatch(r"[\w-]+", name) is not None
    return option_values.model_option(text) if is_option else option_values.model(text)


def _locations(spec: Any) -> Iterator[tuple[str, str]]:
    """What names a file among the settings, each with the name a person calls it by."""
    for leaf in leaves_of(type(spec)):
        for place in _places(spec, leaf):
            yield shown_name(leaf), place


def _places(spec: Any, leaf: Leaf) -> list[str]:
    from pipelines.inputs.dataset_mix import parse_mix

    value = value_of(spec, leaf)
    match leaf.name:
        case "recipe.name":
            places = [value] if value.endswith(".toml") else []
        case "model.name":
            places = spec.model.places
        case "model.options":
            places = spec.model.places_of_options
        case "clicks.source" | "start.source" | "clicks.final_masks" if leaf.is_location:
            places = prefixed.places_of(value)
        case "datasets":
            places = [parse_mix(text).url for text in value]
        case _ if leaf.is_location and value is not None:
            places = list(value) if isinstance(value, tuple) else [value]
        case _:
            places = []
    return places


def _print_job(state: JobState) -> None:
    from pipelines.progress import duration

    time = "" if state.seconds is None else f" ({duration(state.seconds)})"
    typer.echo(f"job {state.job_id}, {state.command}: {state.status}{time}")
    if state.message and state.status not in {"PENDING", "RUNNING", "SUCCEEDED"}:
        typer.echo(f"{state.message}; its output: mfp logs {state.job_id}")
    typer.echo(f"{state.run_url}: {_progress_so_far(state.run_url, state.storage)}")


def _progress_so_far(run_url: str, options: StorageOptions) -> str:
    from infra.runs.run_config import FLYWHEEL_FILE, RUN_FILE, TRAINING_FILE
    from infra.storage.files import Storage, join

    storage = Storage(options)
    begun = any(storage.exists(join(run_url, file)) for file in (RUN_FILE, TRAINING_FILE, FLYWHEEL_FILE))
    return _progress(run_url, options) if begun else "nothing written yet"


def _progress(run_url: str, options: StorageOptions) -> str:
    """What the files in a run's directory say, whichever command it is of."""
    from infra.runs.run_config import FLYWHEEL_FILE, TRAINING_FILE
    from infra.storage.files import Storage, join
    from infra.training_progress import read_progress
    from pipelines.jobs.flywheel.progress import flywheel_progress
    from pipelines.jobs.submit import run_progress

    storage = Storage(options)
    if storage.exists(join(run_url, FLYWHEEL_FILE)):
        return flywheel_progress(run_url, options)
    if storage.exists(join(run_url, TRAINING_FILE)):
        return str(read_progress(run_url, storage) or "training starts")
    return str(run_progress(run_url, options))

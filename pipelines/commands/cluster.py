"""The commands that work through a cluster's job server: submit, jobs, status, logs, stop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pipelines.commands import option_values
from pipelines.commands import options as given
from pipelines.options import LOGGED_CLICKS_PREFIX, SIMULATED_CLICKS, TRAINING_RUN_PREFIX

if TYPE_CHECKING:
    from infra.storage.files import StorageOptions
    from pipelines.submit import JobState

_PANEL = "On a Ray cluster"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    app.command(
        rich_help_panel=_PANEL, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
    )(submit)
    for command in (jobs, status, logs, stop):
        app.command(rich_help_panel=_PANEL)(command)


def submit(
    ctx: typer.Context,
    command: Annotated[
        Literal["label", "evaluate", "train", "flywheel"],
        typer.Argument(help="What to run; its own arguments and options follow (see `mfp label --help`)."),
    ],
    address: given.AddressOption = given.DEFAULT_ADDRESS,
) -> None:
    """Run a command on a cluster; it outlives this terminal.

    For example: mfp submit label s3://bucket/photos --out s3://bucket/masks --model lite0
    """
    from infra.storage.files import Storage, StorageOptions
    from pipelines.inputs.model_names import check_model_name, is_location

    params = _parsed(ctx, command)
    storage = StorageOptions(params["storage_endpoint"], params["storage_region"])
    if command != "train" and not is_location(params["model"]):
        check_model_name(
            params["model"], Storage(storage)
        )  # an unknown name shows here and not on the cluster
    from pipelines.submit import JobCommand, check_locations
    from pipelines.submit import submit as submit_command

    check_locations(_locations(params))
    job_command = JobCommand(command, tuple(map(_with_home, ctx.args)), params["out"], storage)
    job_id = submit_command(job_command, address)
    typer.echo(f"{job_id} submitted: {command} -> {params['out']}")
    is_on_command_line = str(getattr(ctx.get_parameter_source("address"), "name", "")) == "COMMANDLINE"
    at = f" --address {address}" if is_on_command_line else ""
    typer.echo(f"How far it is: mfp status {job_id}{at}\nWhat it prints: mfp logs {job_id} --follow{at}")


def jobs(address: given.AddressOption = given.DEFAULT_ADDRESS) -> None:
    """List the jobs of this package, latest first."""
    from rich.table import Table

    from pipelines import submit as cluster
    from pipelines.commands.terminal import print_result
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


def status(
    job: Annotated[
        str,
        typer.Argument(
            parser=option_values.location,
            metavar="JOB|RUN",
            help="Job id, or a run directory: that needs no cluster.",
        ),
    ],
    address: given.AddressOption = given.DEFAULT_ADDRESS,
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Say how far a job is.

    The shards are counted in its run directory: they are true even when the driver is gone.
    """
    from infra.runs.run_config import FLYWHEEL_FILE, RUN_FILE, TRAINING_FILE
    from infra.storage.files import StorageOptions
    from pipelines.submit import job_state

    if "/" in job or any(Path(job, name).is_file() for name in (RUN_FILE, TRAINING_FILE, FLYWHEEL_FILE)):
        typer.echo(f"{job}: {_progress(job, StorageOptions(storage_endpoint, storage_region))}")
        return
    _print_job(job_state(job, address))


def logs(
    job: given.JobArgument,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the job ends.")] = False,
    address: given.AddressOption = given.DEFAULT_ADDRESS,
) -> None:
    """Print what a job has printed."""
    from pipelines.submit import write_logs

    write_logs(job, address, follow, sys.stdout)


def stop(job: given.JobArgument, address: given.AddressOption = given.DEFAULT_ADDRESS) -> None:
    """End a job.

    What it had committed stays, and the same submission later goes on from there.
    """
    from pipelines import submit as cluster

    _print_job(cluster.stop(job, address))


def _parsed(ctx: typer.Context, command: str) -> dict[str, Any]:
    """Read the submitted arguments as that command would, so that mistakes show here and not on the cluster."""
    group: Any = ctx.find_root().command
    with group.get_command(ctx, command).make_context(f"mfp {command}", list(ctx.args)) as inner:
        params: dict[str, Any] = inner.params
        return params


def _with_home(argument: str) -> str:
    """An argument as it is sent: `~` is the home folder of whoever submits, not of the cluster."""
    option, equals, value = argument.partition("=")
    if argument.startswith("--") and equals:
        return f"{option}={option_values.location(value)}"
    return option_values.location(argument)


def _locations(params: dict[str, Any]) -> list[tuple[str, str]]:
    """What names a file among the parameters, each with the name a person calls it by."""
    from pipelines.inputs.dataset_mix import parse_mix
    from pipelines.inputs.model_names import is_location

    found = [("DATASET", parse_mix(text).url) for text in params.get("datasets", [])]
    found += [("--train-on", text) for text in params.get("train_on", [])]
    names = {
        "dataset": "DATASET",
        "unlabelled": "UNLABELLED",
        "evaluation": "--evaluation",
        "out": "--out",
        "init": "--init",
        "validate": "--validate",
    }
    found += [(name, params[key]) for key, name in names.items() if params.get(key) is not None]
    clicks = params.get("clicks", SIMULATED_CLICKS)
    if clicks != SIMULATED_CLICKS:
        found.append(("--clicks", clicks.removeprefix(LOGGED_CLICKS_PREFIX)))
    if params["model"] is not None and is_location(params["model"]):
        found.append(("--model", params["model"].removeprefix(TRAINING_RUN_PREFIX)))
    if (params.get("recipe") or "").endswith(".toml"):
        found.append(("--recipe", params["recipe"]))
    return found


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
    from pipelines.flywheel.progress import flywheel_progress
    from pipelines.submit import run_progress

    storage = Storage(options)
    if storage.exists(join(run_url, FLYWHEEL_FILE)):
        return flywheel_progress(run_url, options)
    if storage.exists(join(run_url, TRAINING_FILE)):
        return str(read_progress(run_url, storage) or "training starts")
    return str(run_progress(run_url, options))

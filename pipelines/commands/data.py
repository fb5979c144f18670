"""The commands that make data sets, masks and figures: shard, label, evaluate, report, compare."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from actors.working_size import WORKING_PIXELS
from pipelines.commands import option_values
from pipelines.commands import options as given
from pipelines.exit_codes import ExitCode
from pipelines.options import (
    ALL_CLICKS,
    EVALUATION_TARGET_IOU,
    SIMULATED_CLICKS,
    TRAINING_RUN_PREFIX,
    Follow,
    LabelOptions,
    Replay,
    ShardOptions,
    Workers,
)

if TYPE_CHECKING:
    from pipelines.label import RunSummary
    from pipelines.report import Report

_PANEL = "Data and results"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for command in (shard, label, evaluate, report, compare):
        app.command(rich_help_panel=_PANEL)(command)


def shard(
    source: Annotated[
        str,
        typer.Argument(
            parser=option_values.location, metavar="SOURCE", help="Folder or URL with images and masks."
        ),
    ],
    dataset: Annotated[
        str,
        typer.Argument(
            parser=option_values.location, metavar="DATASET", help="Folder or URL to write the shards to."
        ),
    ],
    layout: given.LayoutOption,
    samples_per_shard: given.SamplesPerShardOption = 500,
    split: given.SplitOption = None,
    mask_values: given.MaskValuesOption = None,
    ignore_value: given.IgnoreValueOption = None,
    object_values: given.ObjectValuesOption = None,
    crowd: given.CrowdOption = "skip",
    orientation: given.OrientationOption = "upright",
    white: given.WhiteOption = None,
    preview: given.PreviewOption = 0,
    as_json: given.JsonOption = False,
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Turn images and masks into shards.

    For example: mfp shard photos s3://bucket/photos --layout folder
    """
    from infra.layouts.layout import LayoutOptions
    from infra.layouts.object_values import ObjectValues
    from infra.shards.image_file import ImageReading
    from pipelines.progress import shown_progress
    from pipelines.shard import run_shard
    from pipelines.views.shard import summary_lines

    options = ShardOptions(
        source=source,
        destination=dataset,
        layout=layout,
        samples_per_shard=samples_per_shard,
        reading=LayoutOptions(
            mask_values=mask_values,
            ignore_value=ignore_value,
            split=split,
            object_values=ObjectValues() if object_values is None else ObjectValues.parse(object_values),
            crowd=crowd,
            images=ImageReading(orientation, white),
        ),
        preview=preview,
        storage=given.storage_options(storage_endpoint, storage_region),
    )
    with shown_progress("shard", "samples") as on_progress:
        sharded = run_shard(options, on_progress)
    if as_json:
        typer.echo(json.dumps(sharded.to_json(), indent=1))
    else:
        typer.echo("\n".join(summary_lines(sharded)))
    _exit(sharded.dataset.num_quarantined)


def label(
    dataset: given.DatasetArgument,
    out: given.OutOption,
    model: given.ModelOption,
    follow: given.FollowOption = False,
    follow_if_better: given.FollowIfBetterOption = False,
    clicks: given.ClicksOption = SIMULATED_CLICKS,
    max_clicks: given.LabelMaxClicksOption = None,
    target_iou: given.TargetIouOption = None,
    workers: given.WorkersOption = "1",
    cpus_per_worker: given.CpusPerWorkerOption = 1.0,
    gpus_per_worker: given.GpusPerWorkerOption = 1.0,
    device: given.DeviceOption = "auto",
    batch_size: given.BatchSizeOption = 8,
    precision: given.PrecisionOption = "fp32",
    flip: given.FlipOption = True,
    zoom: given.ZoomOption = True,
    zoom_size: given.ZoomSizeOption = None,
    modulation: given.ModulationOption = None,
    working_pixels: given.WorkingPixelsOption = WORKING_PIXELS,
    seed: given.SeedOption = 0,
    max_errors: given.MaxErrorsOption = 0.05,
    ray_address: given.RayAddressOption = None,
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Make a mask for every object, from simulated or logged clicks.

    For example: mfp label s3://bucket/photos --out s3://bucket/masks --model lite0 --workers 4
    """
    if (follow or follow_if_better) and not model.startswith(TRAINING_RUN_PREFIX):
        raise typer.BadParameter(
            f"--model {model} is one model, which nothing new comes from; give {TRAINING_RUN_PREFIX} and the directory "
            "of a training run",
            param_hint="'--follow'",
        )
    options = LabelOptions(
        dataset=dataset,
        out=out,
        model=model,
        follow=Follow(follow_if_better) if follow or follow_if_better else None,
        clicks=clicks,
        max_clicks=LabelOptions.max_clicks if max_clicks is None else max_clicks,
        target_iou=LabelOptions.target_iou if target_iou is None else target_iou,
        replay=Replay(ALL_CLICKS if max_clicks is None else max_clicks, target_iou),
        workers=Workers(*option_values.parse_workers(workers), cpus_per_worker, gpus_per_worker),
        device=device,
        batch_size=batch_size,
        precision=precision,
        flip=flip,
        zoom=zoom,
        zoom_size=zoom_size,
        modulation=modulation,
        working_pixels=working_pixels,
        seed=seed,
        max_errors=max_errors,
        ray_address=ray_address,
        storage=given.storage_options(storage_endpoint, storage_region),
    )
    summary, figures = _label("label", options)
    for note in figures.notes:
        typer.echo(f"mfp: in the shards: {note}", err=True)
    _exit_after(summary)


def evaluate(
    dataset: given.DatasetArgument,
    out: given.OutOption,
    model: given.ModelOption,
    max_clicks: given.MaxClicksOption = 20,
    full_curve: given.FullCurveOption = False,
    workers: given.WorkersOption = "1",
    cpus_per_worker: given.CpusPerWorkerOption = 1.0,
    gpus_per_worker: given.GpusPerWorkerOption = 1.0,
    device: given.DeviceOption = "auto",
    batch_size: given.BatchSizeOption = 8,
    precision: given.PrecisionOption = "fp32",
    flip: given.FlipOption = True,
    zoom: given.ZoomOption = True,
    zoom_size: given.ZoomSizeOption = None,
    modulation: given.ModulationOption = None,
    working_pixels: given.WorkingPixelsOption = WORKING_PIXELS,
    seed: given.SeedOption = 0,
    max_errors: given.MaxErrorsOption = 0.05,
    ray_address: given.RayAddressOption = None,
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Count the clicks a model needs (NoC), simulated from the masks.

    For example: mfp evaluate s3://bucket/davis --out runs/davis --model lite0 --workers 2
    """
    options = LabelOptions(
        dataset=dataset,
        out=out,
        model=model,
        max_clicks=max_clicks,
        target_iou=None if full_curve else EVALUATION_TARGET_IOU,
        workers=Workers(*option_values.parse_workers(workers), cpus_per_worker, gpus_per_worker),
        device=device,
        batch_size=batch_size,
        precision=precision,
        flip=flip,
        zoom=zoom,
        zoom_size=zoom_size,
        modulation=modulation,
        working_pixels=working_pixels,
        seed=seed,
        max_errors=max_errors,
        ray_address=ray_address,
        storage=given.storage_options(storage_endpoint, storage_region),
    )
    summary, figures = _label("evaluate", options)
    from pipelines.commands.terminal import print_result
    from pipelines.views.report import ReportView

    print_result(ReportView(figures))
    _exit_after(summary)


def report(
    run: given.RunArgument,
    as_json: given.JsonOption = False,
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Print the figures of a run, which may still be going on.

    For example: mfp report runs/davis --json
    """
    from infra.storage.files import Storage
    from pipelines.commands.terminal import print_result
    from pipelines.report import build_report
    from pipelines.views.report import ReportView

    figures = build_report(run, Storage(given.storage_options(storage_endpoint, storage_region)))
    if as_json:
        typer.echo(json.dumps(figures.to_json(), indent=1))
    else:
        print_result(ReportView(figures))


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            parser=option_values.location,
            metavar="RUN",
            help="Run directories over the same data set; the first is the measure.",
        ),
    ],
    as_json: given.JsonOption = False,
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Compare runs on the objects that all of them have, with bootstrap intervals.

    For example: mfp compare runs/old runs/new
    """
    from infra.storage.files import Storage
    from pipelines.first_look import look_at_runs

    storage = Storage(given.storage_options(storage_endpoint, storage_region))
    look_at_runs(runs, storage)
    from pipelines.commands.terminal import print_result
    from pipelines.comparison import compare_runs
    from pipelines.views.comparison import ComparisonView

    compared = compare_runs(runs, storage)
    if as_json:
        typer.echo(json.dumps(compared.to_json(), indent=1))
    else:
        print_result(ComparisonView(compared))


def _label(command: str, options: LabelOptions) -> tuple[RunSummary, Report]:
    from infra.storage.files import Storage
    from pipelines.first_look import look_at_labelling

    look_at_labelling(options)
    from infra.runs.commit import NONE_UNCLICKED
    from pipelines.label import run_label
    from pipelines.progress import duration, shown_progress
    from pipelines.report import build_report
    from pipelines.report_files import write_report

    with shown_progress(command, "objects") as on_progress:
        summary = run_label(options, on_progress)
    storage = Storage(options.storage)
    figures = build_report(options.out, storage)
    write_report(figures, storage)
    others = [f"{summary.skipped_shards:,} of them done before"] if summary.skipped_shards else []
    if summary.lost_shards:
        others.append(f"{summary.lost_shards:,} by another run meanwhile")
    before = f" ({', '.join(others)})" if others else ""
    without = f", {len(summary.set_aside):,} of them set aside" if summary.set_aside else ""
    typer.echo(
        f"{summary.objects:,} objects, {summary.clicks:,} clicks, {summary.errors:,} quarantined in "
        f"{summary.shards:,} shards{without}{before}, {duration(summary.seconds)}: {options.out}"
    )
    if summary.unclicked != NONE_UNCLICKED:
        typer.echo(
            f"mfp: the click log has no click on {summary.unclicked}: they were not labelled", err=True
        )
    if summary.unknown_samples:
        typer.echo(
            f"mfp: {len(summary.unknown_samples):,} samples of the click log are not in the data set (the first: "
            f"{summary.unknown_samples[0]!r}): their clicks were not used",
            err=True,
        )
    if summary.fitting_batch_size is not None:
        typer.echo(
            f"mfp: the GPU's memory was too small for batches of {options.batch_size}: give --batch-size "
            f"{summary.fitting_batch_size} the next time",
            err=True,
        )
    for shard in summary.set_aside:
        typer.echo(f"mfp: {shard}", err=True)
    if summary.set_aside:
        typer.echo("mfp: the same command tries them again", err=True)
    return summary, figures


def _exit_after(summary: RunSummary) -> None:
    _exit(summary.errors + len(summary.unknown_samples) + len(summary.set_aside))


def _exit(num_quarantined: int | None) -> None:
    if num_quarantined:
        raise typer.Exit(ExitCode.QUARANTINED)

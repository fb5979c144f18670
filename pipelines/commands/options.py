"""The options that commands share: their names and help texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, get_args

import typer

from pipelines.commands.option_values import checked_clicks, checked_object_values, checked_workers, location
from pipelines.options import (
    CrowdRegions,
    Device,
    MaskValues,
    Modulation,
    Orientation,
    Precision,
)

if TYPE_CHECKING:
    from infra.storage.files import StorageOptions

LayoutName: TypeAlias = Literal["folder", "grabcut", "berkeley", "davis", "voc", "sbd", "coco", "lvis"]

_CLICKS = "Clicks"
_NETWORK = "Network"
_WORKERS = "Workers"
_STORAGE = "Storage"
_SOURCE = "What files mean"
DEFAULT_ADDRESS = "http://127.0.0.1:8265"


def complete_model(incomplete: str) -> list[str]:
    """The shipped models that begin so."""
    from pipelines.inputs.model_names import shipped_models

    return [name for name in shipped_models() if name.startswith(incomplete)]


def storage_options(endpoint: str | None, region: str | None) -> StorageOptions:
    """What --storage-endpoint and --storage-region say."""
    from infra.storage.files import StorageOptions

    return StorageOptions(endpoint, region)


DatasetArgument = Annotated[
    str,
    typer.Argument(
        parser=location,
        metavar="DATASET",
        help="Folder or URL of shards: what `mfp shard` wrote, or Parquet shards.",
    ),
]
RunArgument = Annotated[
    str, typer.Argument(parser=location, metavar="RUN", help="Run directory: what was given as --out.")
]
JobArgument = Annotated[
    str, typer.Argument(metavar="JOB", help="Job id, as `mfp submit` and `mfp jobs` print it.")
]
OutOption = Annotated[
    str,
    typer.Option(
        "--out",
        parser=location,
        metavar="RUN",
        help="Run directory, a path or URL. Given again, the run goes on with what is not committed yet.",
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        parser=location,
        autocompletion=complete_model,
        metavar="MODEL",
        help="A shipped model (see `mfp models`), `analytic`, a path or URL of a safetensors file, or run:// and a "
        "training run, for its newest model.",
    ),
]
FollowOption = Annotated[
    bool,
    typer.Option("--follow", help="With --model run://...: take newer models at the border of shards."),
]
FollowIfBetterOption = Annotated[
    bool,
    typer.Option(
        "--follow-if-better",
        help="As --follow, but leave models whose validated NoC@90 is not known to be lower.",
    ),
]
ClicksOption = Annotated[
    str,
    typer.Option(
        "--clicks",
        metavar="simulated|logged:URL",
        callback=checked_clicks,
        rich_help_panel=_CLICKS,
        help="Simulate clicks from the masks, or replay a click log (Parquet or JSON Lines, or the clicks of a run).",
    ),
]
MaxClicksOption = Annotated[
    int,
    typer.Option(
        "--max-clicks", min=1, metavar="N", rich_help_panel=_CLICKS, help="Clicks per object at most."
    ),
]
LabelMaxClicksOption = Annotated[
    int | None,
    typer.Option(
        "--max-clicks",
        min=1,
        metavar="N",
        show_default="20 simulated ones, all of a click log",
        rich_help_panel=_CLICKS,
        help="Clicks per object at most.",
    ),
]
TargetIouOption = Annotated[
    float | None,
    typer.Option(
        "--target-iou",
        min=0.0,
        max=1.0,
        metavar="IOU",
        show_default="0.95 for simulated clicks, none for a click log",
        rich_help_panel=_CLICKS,
        help="An object is finished at this IoU; needs its true mask.",
    ),
]
FullCurveOption = Annotated[
    bool,
    typer.Option(
        "--full-curve",
        rich_help_panel=_CLICKS,
        help="Go on to --max-clicks (or a perfect mask) instead of stopping at IoU 0.95.",
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        metavar="N",
        help="Seed of every random draw; the simulated user of label and evaluate makes none.",
    ),
]
DeviceOption = Annotated[
    Device,
    typer.Option("--device", rich_help_panel=_NETWORK, help="auto: CUDA where there is a GPU, else the CPU."),
]
BatchSizeOption = Annotated[
    int,
    typer.Option(
        "--batch-size",
        min=1,
        metavar="N",
        rich_help_panel=_NETWORK,
        help="Objects in one pass of the network on a GPU. On a CPU each has its own passes, and so many take turns.",
    ),
]
PrecisionOption = Annotated[
    Precision, typer.Option("--precision", rich_help_panel=_NETWORK, help="Arithmetic of the network.")
]
FlipOption = Annotated[
    bool,
    typer.Option(
        "--flip/--no-flip", rich_help_panel=_NETWORK, help="Average with the mirrored image (twice the work)."
    ),
]
ZoomOption = Annotated[
    bool,
    typer.Option("--zoom/--no-zoom", rich_help_panel=_NETWORK, help="Crop to the object as it takes shape."),
]
ZoomSizeOption = Annotated[
    int | None,
    typer.Option(
        "--zoom-size",
        min=32,
        metavar="PIXELS",
        show_default="as the model says",
        rich_help_panel=_NETWORK,
        help="Side of the crop shown to the network: the longer side, or both for ViT and analytic.",
    ),
]
ModulationOption = Annotated[
    Modulation | None,
    typer.Option(
        "--modulation",
        show_default="as the model says",
        rich_help_panel=_NETWORK,
        help="How clicks modulate the previous map: as in the paper, or as in the released code.",
    ),
]
WorkingPixelsOption = Annotated[
    int,
    typer.Option(
        "--working-pixels",
        min=2**16,
        metavar="N",
        rich_help_panel=_NETWORK,
        help="Larger images are worked on at 1/2, 1/4 or 1/8 of their size; masks keep that of the image.",
    ),
]
WorkersOption = Annotated[
    str,
    typer.Option(
        "--workers",
        metavar="N|MIN:MAX",
        callback=checked_workers,
        rich_help_panel=_WORKERS,
        help="Ray actors at work.",
    ),
]
CpusPerWorkerOption = Annotated[
    float,
    typer.Option(
        "--cpus-per-worker",
        min=0.1,
        metavar="N",
        rich_help_panel=_WORKERS,
        help="Cores (and threads) of one worker.",
    ),
]
GpusPerWorkerOption = Annotated[
    float,
    typer.Option(
        "--gpus-per-worker",
        metavar="N",
        min=0.01,
        rich_help_panel=_WORKERS,
        help="Share of a GPU of one worker, where the device is CUDA: 0.5 puts two workers on one.",
    ),
]
RayAddressOption = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="ADDRESS",
        show_default="a Ray of its own on this machine",
        rich_help_panel=_WORKERS,
        help="Running Ray cluster to work on, such as head:6379 or auto.",
    ),
]
MaxErrorsOption = Annotated[
    float,
    typer.Option(
        "--max-errors",
        min=0.0,
        max=1.0,
        metavar="FRACTION",
        help="End the run when more than this fraction of samples and objects is quarantined.",
    ),
]
StorageEndpointOption = Annotated[
    str | None,
    typer.Option(
        "--storage-endpoint",
        parser=location,
        metavar="URL",
        show_default="AWS_ENDPOINT_URL",
        rich_help_panel=_STORAGE,
        help="S3 server for s3:// URLs. Credentials come from the usual AWS variables and files.",
    ),
]
StorageRegionOption = Annotated[
    str | None,
    typer.Option(
        "--storage-region",
        metavar="NAME",
        show_default="AWS_REGION",
        rich_help_panel=_STORAGE,
        help="S3 region.",
    ),
]
LayoutOption = Annotated[
    LayoutName,
    typer.Option(
        "--layout", metavar="NAME", help=f"How SOURCE is laid out: {', '.join(get_args(LayoutName))}."
    ),
]
MaskValuesOption = Annotated[
    MaskValues | None,
    typer.Option(
        "--mask-values",
        show_default="as usual in the layout",
        rich_help_panel=_SOURCE,
        help="What a mask file shows: one object, or an object for each value but 0.",
    ),
]
AddressOption = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="URL",
        envvar="RAY_API_SERVER_ADDRESS",
        help="Dashboard of the Ray cluster.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]

SamplesPerShardOption = Annotated[
    int,
    typer.Option(
        "--samples-per-shard",
        min=1,
        metavar="N",
        help="Images in a shard: what a worker takes, and redoes, at a time.",
    ),
]
IgnoreValueOption = Annotated[
    int | None,
    typer.Option(
        "--ignore-value",
        metavar="VALUE",
        min=0,
        max=65535,
        show_default="as usual in the layout",
        rich_help_panel=_SOURCE,
        help="Mask value of pixels that are neither object nor background.",
    ),
]
ObjectValuesOption = Annotated[
    str | None,
    typer.Option(
        "--object-values",
        parser=checked_object_values,
        metavar="VALUES",
        show_default="all but 0",
        rich_help_panel=_SOURCE,
        help="Mask values that are object: 255, 1,3, 128-255, '#ff0000', alpha, transparent, 0 (an inverted mask).",
    ),
]
CrowdOption = Annotated[
    CrowdRegions,
    typer.Option(
        "--crowd",
        rich_help_panel=_SOURCE,
        help="COCO regions with iscrowd 1: left out, or objects, as CVAT writes brush masks.",
    ),
]
OrientationOption = Annotated[
    Orientation,
    typer.Option(
        "--orientation",
        rich_help_panel=_SOURCE,
        help="Pixels that masks and clicks are made on: turned upright by EXIF, as viewers do, or as stored.",
    ),
]
WhiteOption = Annotated[
    int | None,
    typer.Option(
        "--white",
        metavar="VALUE",
        min=1,
        show_default="by the depth of the values",
        rich_help_panel=_SOURCE,
        help="Value that is white in images of more than 8 bits: 4095 for 12-bit scans.",
    ),
]
PreviewOption = Annotated[
    int,
    typer.Option(
        "--preview",
        metavar="N",
        min=0,
        max=400,
        help="Draw N samples with their masks as preview.png beside the shards. Look at it before you go on.",
    ),
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        parser=location,
        metavar="NAME|FILE",
        show_default="everything",
        help="Subset by its name in the layout, such as val, or a text file with one stem a line.",
    ),
]

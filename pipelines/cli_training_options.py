"""The options that only `mfp train` has."""

from __future__ import annotations

from typing import Annotated

import typer

TrainedModelOption = Annotated[str, typer.Option("--model", metavar="NAME", help="Architecture to train.")]
StepsOption = Annotated[
    int, typer.Option("--steps", min=1, metavar="N", help="Steps in all, those before a checkpoint included.")
]
InitOption = Annotated[
    str | None,
    typer.Option(
        "--init",
        metavar="WEIGHTS",
        show_default="ImageNet weights",
        help="Safetensors file to start from, a path or URL.",
    ),
]
CropSizeOption = Annotated[
    int, typer.Option("--crop-size", min=32, metavar="PIXELS", help="Side of the square training crops.")
]
TrainBatchSizeOption = Annotated[
    int, typer.Option("--batch-size", min=1, metavar="N", help="Crops in one step.")
]
CheckpointEveryOption = Annotated[
    int, typer.Option("--checkpoint-every", min=1, metavar="STEPS", help="Steps between two checkpoints.")
]
TrainingOutOption = Annotated[
    str,
    typer.Option(
        "--out",
        metavar="RUN",
        help="Folder for checkpoints, log and models, a path or URL. Given again, training goes on.",
    ),
]
LoaderWorkersOption = Annotated[
    int,
    typer.Option(
        "--loader-workers",
        min=0,
        metavar="N",
        help="Processes that read and augment images; 0 uses this one.",
    ),
]

"""How `flywheel.json` records what a flywheel was asked for."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from infra.click_log import ClickLog
from infra.runs.run_config import VOLATILE_FIELDS
from infra.shards.manifest import DatasetManifest
from infra.shards.sample import JsonValue
from pipelines.inputs.label_inputs import click_source
from pipelines.options import FlywheelOptions, Workers

FLYWHEEL_VOLATILE = VOLATILE_FIELDS | {"given", "execution"}
"""What may change when a flywheel goes on."""


def flywheel_config(
    options: FlywheelOptions,
    unlabelled: DatasetManifest,
    evaluation: DatasetManifest,
    train_on: list[DatasetManifest],
    model_id: str,
    click_log: ClickLog | None,
) -> dict[str, JsonValue]:
    """`flywheel.json`: what decides the result, and beside it what a person may want to look up."""
    return {
        "job": "flywheel",
        "unlabelled": unlabelled.fingerprint,
        "train_on": [dataset.fingerprint for dataset in train_on],
        "evaluation": evaluation.fingerprint,
        "model_id": model_id,
        "clicks": click_source(click_log, options.replay),
        "rounds": options.rounds,
        "max_clicks": options.max_clicks,
        "thresholds": dict(asdict(options.thresholds)),
        "training": {
            "recipe": options.recipe,
            "steps": options.train_steps,
            "crop_size": None if options.crop_size is None else list(options.crop_size),
            "batch_size": options.batch_size,
            "rate": options.rate,
            "frozen_statistics": options.frozen_statistics,
        },
        "flip": options.flip,
        "zoom_size": options.zoom_size,
        "seed": options.seed,
        "given": {
            "unlabelled": options.unlabelled,
            "train_on": list(options.train_on),
            "evaluation": options.evaluation,
            "model": options.model,
            "clicks": options.clicks,
        },
        "execution": {
            "label_workers": _shown(options.label_workers),
            "train_workers": _shown(options.train_workers),
            "device": options.device,
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _shown(workers: Workers) -> list[JsonValue]:
    return [workers.minimum, workers.maximum, workers.num_cpus, workers.num_gpus]

"""Finished runs whose masks have signals, qualities and IoUs of a seeded draw."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from infra.runs.run_directory import RunDirectory
from tests.infra.rows import click_row, commit_rows, mask_row
from tests.pipelines.clicked_runs import begin

OBJECTS_PER_IMAGE = 3


def scored_run(
    url: str,
    *,
    num_images: int = 100,
    num_clicks: int = 3,
    target_iou: float | Literal["none"] = "none",
    num_shards: int = 1,
    has_truth: bool = True,
    seed: int = 0,
) -> RunDirectory:
    """One shard; the IoU after each click is about the stability, and the quality is the stability of the masks."""
    run = begin(url, max_clicks=num_clicks, target_iou=target_iou, num_shards=num_shards)
    fill(run, num_images=num_images, num_clicks=num_clicks, has_truth=has_truth, seed=seed)
    return run


def fill(
    run: RunDirectory, *, num_images: int, num_clicks: int, has_truth: bool = True, seed: int = 0
) -> None:
    """Commit the masks and clicks of a shard."""
    rng = np.random.default_rng(seed)
    masks, clicks = [], []
    for image in range(num_images):
        for number in range(OBJECTS_PER_IMAGE):
            key = f"image {image}", str(number)
            for click in range(num_clicks):
                stability = float(rng.beta(3 + 3 * click, 1))
                iou = float(np.clip(stability + rng.normal(0, 0.03), 0, 1))
                clicks.append(
                    replace(click_row(*key, click, iou=iou if has_truth else None), stability=stability)
                )
            mask = mask_row(*key, num_clicks=num_clicks, iou=iou if has_truth else None)
            masks.append(replace(mask, stability=stability, quality=stability))
    commit_rows(run, "s0.tar", "a", masks, clicks)

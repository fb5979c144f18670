"""The figures of a training run as event files that TensorBoard shows."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboardX import SummaryWriter

from actors.training.directory import EVENTS_FOLDER, TrainedStep
from infra.storage.files import Storage, join

_OF_STEP = ("loss", "iou", "num_rounds", "rate_factor", "gradient_norm", "seconds", "data_seconds")


def write_events(
    storage: Storage, run_url: str, steps: Sequence[TrainedStep], figures: Mapping[str, float]
) -> None:
    """Store the figures of the steps since the checkpoint before, and of a validation after the last of them.

    One file per checkpoint, named by its step: TensorBoard reads them in the order of their names, and what is
    done again after a crash replaces what it had written before.
    """
    if not steps:
        return
    with tempfile.TemporaryDirectory(prefix="mfp-events-") as folder:
        writer = SummaryWriter(folder, write_to_disk=True)
        for row in steps:
            for name in _OF_STEP:
                writer.add_scalar(f"train/{name}", getattr(row, name), row.step)
        for name, value in figures.items():
            writer.add_scalar(f"validation/{name}", value, steps[-1].step)
        writer.close()
        (events,) = Path(folder).iterdir()
        data = events.read_bytes()
    storage.write_bytes(join(run_url, EVENTS_FOLDER, f"events.out.tfevents.{steps[-1].step:010d}.mfp"), data)

"""How far a training run is: a small file that is replaced every few seconds, so that anyone can look without Ray."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from infra.errors import RunDirectoryError
from infra.json_text import parse_json
from infra.storage.files import Storage, join

PROGRESS_FILE = "progress.json"


@dataclass(frozen=True)
class TrainingProgress:
    """How far a run is.

    Attributes:
        step: steps done.
        num_steps: of the whole run.
        loss, iou: means over the last steps; IoU in [0, 1].
        steps_per_second: over the last steps, validation and checkpoints left out.
        noc90: of the newest validation since the workers started, None before it.
    """

    step: int
    num_steps: int
    loss: float
    iou: float
    steps_per_second: float
    noc90: float | None

    @property
    def note(self) -> str:
        """What a bar or a log says beside the steps."""
        noc90 = "" if self.noc90 is None else f", NoC@90 {self.noc90:.2f}"
        return f"loss {self.loss:.3f}, IoU {self.iou:.3f}{noc90}"

    def __str__(self) -> str:
        return f"{self.step:,} of {self.num_steps:,} steps, {self.note}, {self.steps_per_second:.2f} steps/s"


def write_progress(storage: Storage, run_url: str, progress: TrainingProgress) -> None:
    """Replace what was said before."""
    storage.write_bytes(join(run_url, PROGRESS_FILE), json.dumps(asdict(progress)).encode())


def read_progress(run_url: str, storage: Storage) -> TrainingProgress | None:
    """How far the run in a directory is; None if nothing is written yet. RunDirectoryError if it is damaged."""
    url = join(run_url, PROGRESS_FILE)
    if not storage.exists(url):
        return None
    try:
        return TrainingProgress(**parse_json(storage.read_bytes(url)))
    except (ValueError, TypeError):
        raise RunDirectoryError(f"{url} is damaged: delete it, the run writes it anew") from None

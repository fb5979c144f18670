"""How far a training run is: a small file that is replaced every few seconds, so that anyone can look without Ray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from infra.errors import RunDirectoryError
from infra.storage.files import Storage, join
from infra.strict_json import from_bytes, to_bytes

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

    step: Annotated[int, Ge(0)]
    num_steps: Annotated[int, Ge(0)]
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
    storage.write_bytes(join(run_url, PROGRESS_FILE), to_bytes(progress))


def read_progress(run_url: str, storage: Storage) -> TrainingProgress | None:
    """How far the run in a directory is; None if nothing is written yet. RunDirectoryError if it is damaged."""
    url = join(run_url, PROGRESS_FILE)
    if not storage.exists(url):
        return None
    try:
        return from_bytes(TrainingProgress, storage.read_bytes(url))
    except ValueError as error:
        raise RunDirectoryError(f"{url} is damaged ({error}): delete it, the run writes it anew") from None

"""What a training run leaves in its run directory.

    start.safetensors              the model that the run began from, where it was given one
    checkpoints/step-*.pt          the newest ones, and the best by NoC
    best.json                      which checkpoint is the best, and its figures
    log/step-*.parquet             a row per step, a file per checkpoint
    validation/step-*.parquet      a row per validation
    tensorboard/*tfevents*         the same figures
    models/<step>.safetensors      averaged weights of the checkpoints that are kept; latest.json points to the newest
    progress.json                  how far the run is
    precision.json                 what it computes in, and how that was chosen
    driver.json                    which `mfp train` it belongs to

Every file is stored in one piece and named by its step: what a run does again after a crash, it overwrites.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from annotated_types import Ge

from infra.published_models import model_url
from infra.storage.files import Storage, basename, join
from infra.strict_json import from_bytes, to_bytes
from mfp.errors import TrainingError
from mfp.training.checkpoint import Checkpoint

BEST_FILE = "best.json"
EVENTS_FOLDER = "tensorboard"
_CHECKPOINT = re.compile(r"step-(\d+)\.pt")  # other files that someone puts beside them are none
_FIGURES_OF_STEP = re.compile(r"(?:step-|events\.out\.tfevents\.)(\d+)\.(?:parquet|mfp)")


@dataclass(frozen=True)
class TrainedStep:
    """Figures of one step over all workers: a row of the log.

    Attributes:
        step: steps done, from 1.
        loss: weighted mean over the batch.
        iou: of the last round's prediction, mean over the batch.
        num_rounds: predictions of the step.
        rate_factor: on the learning rates.
        gradient_norm: before clipping.
        num_workers: that shared the batch.
        seconds: wall time of the step.
        data_seconds: of it, waited for the batch.
    """

    step: int
    loss: float
    iou: float
    num_rounds: int
    rate_factor: float
    gradient_norm: float
    num_workers: int
    seconds: float
    data_seconds: float


@dataclass(frozen=True)
class BestStep:
    """The step with the lowest NoC@90 so far: `best.json`.

    Attributes:
        step: steps done.
        validated_on: names the objects; figures compare only where it is the same.
        figures: those of `Validator.figures`, `noc90` in clicks among them.
    """

    step: Annotated[int, Ge(0)]
    validated_on: str
    figures: Mapping[str, float]

    def __post_init__(self) -> None:
        if "noc90" not in self.figures:
            raise ValueError("it has no figure noc90")

    @property
    def noc90(self) -> float:
        """NoC@90 in clicks."""
        return self.figures["noc90"]


class TrainDirectory:
    """Reads and writes the files of one run."""

    def __init__(self, url: str, storage: Storage, checkpoints_kept: int) -> None:
        self.url = url
        self.storage = storage
        self._kept = checkpoints_kept

    def checkpoint_at(self, step: int) -> tuple[str, Checkpoint]:
        """The checkpoint of a step and its URL; TrainingError if it cannot be read."""
        url = self._checkpoint_url(step)
        try:
            return url, Checkpoint.from_bytes(self.storage.read_bytes(url))
        except TrainingError as error:
            raise TrainingError(f"{url}: {error}") from None

    def newest_step(self) -> int:
        """The step of the newest checkpoint, 0 if there is none."""
        urls = self._checkpoint_urls()
        return _step_of(urls[-1]) if urls else 0

    def step_to_go_on_from(self, num_steps: int) -> int:
        """`newest_step`; TrainingError if a run of `num_steps` would be shorter."""
        done = self.newest_step()
        if done > num_steps:
            raise TrainingError(
                f"{self.url} has done {done} steps, more than --steps {num_steps}: ask for more, or give another --out"
            )
        return done

    def forget_after(self, step: int) -> None:
        """Drop the figures of later steps, which are about to be done again.

        They would be written over only where the same steps end in a checkpoint as before.
        """
        for folder in ("log", "validation", EVENTS_FOLDER):
            for url in self.storage.list(join(self.url, folder)):
                found = _FIGURES_OF_STEP.fullmatch(basename(url))
                if found is not None and int(found[1]) > step:
                    self.storage.delete(url)

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint and drop those, with their models, that are neither among the newest nor the best."""
        self.storage.write_bytes(self._checkpoint_url(checkpoint.step), checkpoint.to_bytes())
        best = self.best()
        for url in self._checkpoint_urls()[: -self._kept]:
            step = _step_of(url)
            if best is None or step != best.step:
                self.storage.delete(model_url(self.url, step))
                self.storage.delete(url)

    def drop_checkpoint(self, step: int) -> None:
        """Take a checkpoint back, unless there is no other."""
        if len(self._checkpoint_urls()) > 1:
            self.storage.delete(self._checkpoint_url(step))

    def write_log(self, rows: Sequence[TrainedStep]) -> None:
        """Store the rows of the steps since the checkpoint before."""
        if rows:
            self._write_table("log", rows[-1].step, [asdict(row) for row in rows])

    def write_validation(self, step: int, figures: Mapping[str, float]) -> None:
        """Store the figures of a validation."""
        self._write_table("validation", step, [{"step": step, **figures}])

    def best(self) -> BestStep | None:
        """The step with the lowest NoC@90 so far; None before a validation, TrainingError if the file is damaged."""
        url = join(self.url, BEST_FILE)
        if not self.storage.exists(url):
            return None
        try:
            return from_bytes(BestStep, self.storage.read_bytes(url))
        except ValueError as error:
            raise TrainingError(
                f"{url} is damaged ({error}): delete it, the next validation writes it anew"
            ) from None

    def note_best(self, step: int, figures: Mapping[str, float], validated_on: str) -> None:
        """Write down a step if none before it had a NoC@90 as low on the same objects, which `validated_on` names."""
        best, candidate = self.best(), BestStep(step, validated_on, figures)
        is_other = best is not None and best.validated_on != validated_on
        if best is None or is_other or best.step > step or candidate.noc90 < best.noc90:
            self.storage.write_bytes(join(self.url, BEST_FILE), to_bytes(candidate))

    def _checkpoint_url(self, step: int) -> str:
        return join(self.url, "checkpoints", f"step-{step:08d}.pt")

    def _checkpoint_urls(self) -> list[str]:
        urls = self.storage.list(join(self.url, "checkpoints"))
        return [url for url in urls if _CHECKPOINT.fullmatch(basename(url))]

    def _write_table(self, folder: str, step: int, rows: list[dict[str, Any]]) -> None:
        table = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), table)
        self.storage.write_bytes(join(self.url, folder, f"step-{step:08d}.parquet"), table.getvalue())


def _step_of(url: str) -> int:
    found = _CHECKPOINT.fullmatch(basename(url))
    assert found is not None, "only checkpoints are listed"
    return int(found[1])

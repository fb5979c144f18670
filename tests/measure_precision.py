"""Measurements of int8 and bf16 in docs/backends.md; no test, since figures depend on the machine.

One thread, processor time.

python -m tests.measure_precision quantise DATASET mfp/weights/lite0_int8.zip: the archive that is shipped, with the
    ranges that activations have on a folder of shards to train with; needs NNCF (pip install nncf) and 4 GB of memory
python -m tests.measure_precision passes: two rows of lite0 by the float32 backends, in bf16, and in int8
python -m tests.measure_precision sessions int8 DATASET 400: clicks and NoC of lite0 on the first objects of a folder of
    shards, by OpenVINO in that precision (int8 or bf16) and by the fastest backend in float32
"""

from __future__ import annotations

import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mfp.backends.example import example_inputs
from mfp.backends.int8 import CONSTANTS, GRAPH, int8_layers
from mfp.backends.onnx_model import INPUTS, onnx_model
from mfp.backends.openvino import import_openvino
from mfp.backends.registry import BACKENDS
from mfp.bootstrap import mean_interval
from mfp.click_model import Image
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings, Precision
from mfp.metrics import ClickIous, noc, nof_published
from mfp.network import Layers, ModulatedNetwork
from tests.measure_backends import measured, sessions_of

EVERY = 46  # 101 of the 4,612 objects of VOC train
NUM_LATER_PASSES = 2
NUM_PASSES = 25
REDUCED: Final[dict[str, Precision]] = {"int8": "int8", "bf16": "bf16"}
FLOAT32: Final = "onnxruntime"
"""The fastest way to run lite0 in float32."""

Inputs = dict[str, npt.NDArray[np.float32]]


def recorded_inputs(network: ModulatedNetwork, dataset: str) -> list[Inputs]:
    """What the layers are given in sessions on every 46th object: the pass of empty maps, and two of the others."""
    by_onnxruntime = BACKENDS[FLOAT32].prepare(network, network.crop_size(1, 1, network.zoom_size), "fp32")
    of_session: list[Inputs] = []

    def layers(image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        arrays = (one.numpy().copy() for one in (image, coordinates, late))
        of_session.append(dict(zip(INPUTS, arrays, strict=True)))
        return by_onnxruntime(image, coordinates, late)

    engine = Engine(network.run_by(layers), EngineSettings(backend="torch"))
    rng = np.random.default_rng(0)
    kept: list[Inputs] = []
    for session in islice(sessions_of(dataset), 0, None, EVERY):
        of_session.clear()
        list(engine.run([session]))
        later = np.arange(1, len(of_session))
        chosen = rng.choice(later, min(NUM_LATER_PASSES, len(later)), replace=False)
        kept += [of_session[index] for index in (0, *chosen)]
    return kept


def quantise(dataset: str, path: str) -> Iterator[str]:
    if find_spec("nncf") is None:
        sys.exit(f"package nncf is not installed in {sys.prefix}: pip install nncf")
    openvino = import_openvino()
    import nncf

    network = measured("lite0")
    inputs = recorded_inputs(network, dataset)
    yield f"{len(inputs)} inputs of two rows"
    model = openvino.Core().read_model(onnx_model(network, network.crop_size(3, 4, network.zoom_size)))
    quantised = nncf.quantize(
        model,
        nncf.Dataset(inputs),
        preset=nncf.QuantizationPreset.PERFORMANCE,  # symmetric activations
        subset_size=len(inputs),
    )
    with TemporaryDirectory() as folder:
        openvino.save_model(quantised, Path(folder, GRAPH), compress_to_fp16=False)
        write_archive(Path(folder), path)
    yield f"written: {path}, {Path(path).stat().st_size / 1e6:.1f} MB"


def write_archive(folder: Path, path: str) -> None:
    """The two files of a model, without the time at which they were written."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in (GRAPH, CONSTANTS):
            entry = zipfile.ZipInfo(name)
            archive.writestr(entry, Path(folder, name).read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)


def measure_passes() -> Iterator[str]:
    network = measured("lite0")
    size = network.crop_size(281, 400, network.zoom_size)
    inputs = example_inputs(network, size)
    layers: dict[str, Layers] = {
        FLOAT32: BACKENDS[FLOAT32].prepare(network, size, "fp32"),
        "openvino": BACKENDS["openvino"].prepare(network, size, "fp32"),
        "bf16": BACKENDS["openvino"].prepare(network, size, "bf16"),
        "int8": int8_layers(),
    }
    seconds = defaultdict[str, list[float]](list)
    with torch.inference_mode():
        for number in range(1 + NUM_PASSES):
            for name, one in layers.items():
                started = time.process_time()
                one(*inputs)
                if number:
                    seconds[name].append(time.process_time() - started)
    for name in layers:
        gain = np.median(seconds[FLOAT32]) / np.median(seconds[name])
        yield f"{name}: median {1000 * np.median(seconds[name]):.1f} ms, {gain:.2f} x"


def measure_sessions(precision: Precision, dataset: str, num_objects: int) -> Iterator[str]:
    network = measured("lite0")
    engines = {
        FLOAT32: Engine(network, EngineSettings(backend=FLOAT32)),
        precision: Engine(network, EngineSettings(backend="openvino", precision=precision)),
    }
    ious = defaultdict[str, list[list[float | None]]](list)
    seconds = defaultdict[str, float](float)
    images: list[Image] = []  # of every object
    for number, session in enumerate(islice(sessions_of(dataset), num_objects)):
        # the second finds more in the caches
        names = (FLOAT32, precision) if number % 2 else (precision, FLOAT32)
        for name in names:
            started = time.process_time()
            (finished,) = engines[name].run([session])
            seconds[name] += time.process_time() - started
            ious[name].append([record.iou for record in finished.clicks])
        images.append(session.image)
    of_objects = {name: ClickIous.from_lists(ious[name]) for name in engines}
    yield from (_line(name, of_objects[name], seconds[name]) for name in engines)
    float32, other = (noc(of_objects[name], 0.9).astype(np.float64) for name in (FLOAT32, precision))
    image_idx = np.array([id(image) for image in images], np.int64)  # objects of an image share its array
    interval = mean_interval(other - float32, image_idx)
    assert interval is not None, "two images at least"
    low, mean, high = (
        100 * value / float32.mean() for value in (interval.low, other.mean() - float32.mean(), interval.high)
    )
    yield f"{precision} costs {mean:+.1f} % NoC@90 (95 % interval {low:+.1f} to {high:+.1f})"


def _line(name: str, ious: ClickIous, seconds: float) -> str:
    means = ", ".join(f"{noc(ious, threshold).mean():.3f}" for threshold in (0.85, 0.9, 0.95))
    num_clicks = int(ious.num_clicks.sum())
    return (
        f"{name}, {ious.num_objects} objects: NoC@85, 90, 95 {means}; {nof_published(ious, 0.9)} objects not at 90 %, "
        f"{nof_published(ious, 0.95)} not at 95 %; {num_clicks} clicks, {num_clicks / seconds:.1f} a second"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, *given = sys.argv[1:]
    if what == "quantise":
        lines = quantise(*given)
    elif what == "passes":
        lines = measure_passes()
    else:
        lines = measure_sessions(REDUCED[given[0]], given[1], int(given[2]))
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

"""A labelling worker in a process of its own that tells its resident memory: `python -m tests.actors.resident_memory`.

    shards N        labels N shards, one after the other; tells the memory after each
    samples N       labels one shard of N samples; tells the memory as every tenth of them is read
    image FORMAT    labels an image of 100 megapixels; tells how much the peak lies above the memory before
    objects N       labels one image with N objects; tells the same

The model is the analytic one. Its masks of noise are noise, so that kept rows would show: 50 kB of each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import numpy.typing as npt
import torch

from actors.labelling.hand_out import Assignment
from actors.labelling.object_sessions import ObjectSessions
from infra import rle
from infra.runs.run_directory import RunDirectory
from infra.shards.image_file import Extension
from infra.shards.manifest import ShardEntry
from infra.shards.sample import ObjectTruth, Sample
from infra.shards.sample_document import ShardItem
from infra.storage.files import Storage
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import SessionLimits
from tests.actors.shapes import OneModelLabeller
from tests.process_memory import forget_peak, resident_bytes

LARGE_SIDE = 10_000
_SIDE = 256
SAMPLES_OF_SHARD = 5
_PIXELS_AHEAD = 2**20  # reached at once: what fills up would look like what grows


def noise_sample(index: int) -> Sample:
    """Black and white noise; one object, which is all of it."""
    pixels = np.random.default_rng(0).integers(0, 2, (_SIDE, _SIDE), np.uint8) * 255
    whole = rle.encode(np.ones((_SIDE, _SIDE), np.bool_))
    data = cv2.imencode(".png", pixels)[1].tobytes()
    return Sample(f"noise-{index:05d}", data, "png", _SIDE, _SIDE, (ObjectTruth("1", whole),))


def disc(height: int, width: int) -> npt.NDArray[np.uint8]:
    """(height, width) uint8: 255 inside a circle that spans four fifths of the shorter side."""
    pixels = np.zeros((height, width), np.uint8)
    cv2.circle(pixels, (width // 2, height // 2), 2 * min(height, width) // 5, 255, -1)
    return pixels


def large_sample(extension: Extension) -> Sample:
    """A white disc on black, 100 megapixels."""
    pixels = disc(LARGE_SIDE, LARGE_SIDE)
    data = cv2.imencode(f".{extension}", pixels)[1].tobytes()
    truth = ObjectTruth("disc", rle.encode(pixels > 0))
    return Sample("large", data, extension, LARGE_SIDE, LARGE_SIDE, (truth,))


def many_objects(number: int) -> Sample:
    """Noise with so many objects, rows of squares."""
    sample = noise_sample(0)
    per_row = _SIDE // 8
    objects = []
    for index in range(number):
        mask = np.zeros((_SIDE, _SIDE), np.bool_)
        top, left = 8 * (index // per_row % per_row), 8 * (index % per_row)
        mask[top : top + 7, left : left + 7] = True
        objects.append(ObjectTruth(str(index), rle.encode(mask)))
    return Sample("many", sample.image_bytes, "png", _SIDE, _SIDE, tuple(objects))


class Worker:
    """A labeller of one engine; `label` takes the samples of a shard."""

    def __init__(self, folder: str) -> None:
        torch.set_num_threads(1)
        self.run = RunDirectory(f"{folder}/run", Storage())
        self._samples: Callable[[], Iterator[ShardItem]] = lambda: iter(())
        engine = Engine(AnalyticClickModel(), EngineSettings(zoom_size=_SIDE, flip="off"))
        limits = SessionLimits(max_clicks=1)
        self._labeller = OneModelLabeller(
            engine,
            ObjectSessions(limits),
            lambda shard: self._samples(),
            self.run,
            max_pixels_ahead=_PIXELS_AHEAD,
        )

    def label(self, shard: str, samples: Callable[[], Iterator[ShardItem]]) -> None:
        self._samples = samples
        self._labeller.label(Assignment(ShardEntry(shard, 1), "1"))

    def close(self) -> None:
        self._labeller.close()


def memory_by_shard(folder: str, number: int) -> list[int]:
    worker = Worker(folder)
    sample = noise_sample(0)
    memory = []
    for index in range(number):
        worker.label(f"s{index}.tar", lambda: renamed(sample, SAMPLES_OF_SHARD))
        memory.append(resident_bytes())
    worker.close()
    return memory


def memory_by_sample(folder: str, number: int) -> list[int]:
    worker = Worker(folder)
    sample = noise_sample(0)
    memory: list[int] = []

    def read() -> Iterator[ShardItem]:
        for index, item in enumerate(renamed(sample, number)):
            if index % (number // 100) == 0:
                memory.append(resident_bytes())
            yield item

    worker.label("first.tar", lambda: renamed(sample, number // 10))
    worker.label("s.tar", read)
    worker.close()
    return memory


def renamed(sample: Sample, number: int) -> Iterator[Sample]:
    return (Sample(**{**vars(sample), "key": f"noise-{index:05d}"}) for index in range(number))


def peak_of(folder: str, sample: Sample) -> list[int]:
    """Peak above the memory before; what the first of all shards loads is not counted."""
    worker = Worker(folder)
    worker.label("first.tar", lambda: iter([noise_sample(0)]))
    forget_peak()
    before = resident_bytes()
    worker.label("s.tar", lambda: iter([sample]))
    peak = resident_bytes("VmHWM") - before
    worker.close()
    return [peak]


def main() -> None:
    kind, what, folder = sys.argv[1:]
    if kind == "shards":
        measured = memory_by_shard(folder, int(what))
    elif kind == "samples":
        measured = memory_by_sample(folder, int(what))
    elif kind == "image":
        measured = peak_of(folder, large_sample("png" if what == "png" else "jpg"))
    else:
        measured = peak_of(folder, many_objects(int(what)))
    sys.stdout.write(json.dumps(measured))


if __name__ == "__main__":
    main()

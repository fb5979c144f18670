"""What a benchmark's work costs where: the same benchmark once more, sampled by py-spy in all of its processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from actors.specs.bench import BenchName, BenchSpec
from pipelines.benchmarks.result import Cost
from pipelines.benchmarks.workplace import write_config
from pipelines.errors import BenchError

_SAMPLES_PER_SECOND = 100
_MOST = 20
_OURS = re.compile(r"\((?:mfp|actors|infra|pipelines)/")
_LINE = re.compile(r":\d+\)$")
_LIBRARY = re.compile(r"\(([\w.-]+)/")

# What of a benchmark is its work, by a part of the stack; the loop of the field is not ours to make faster.
_WORK: Final[Mapping[BenchName, str]] = {
    "engine": "WatchedEngine.run_watched ",
    "sequential": "Engine.run ",
    "pipeline": "",
    "train": "train (actors/training/loop.py",
    "pieces": "bench_pieces ",
}


def profiled(spec: BenchSpec) -> tuple[Cost, ...]:
    """The largest costs of a benchmark, the largest first, by the innermost function of ours in every sample.

    Raises:
        BenchError: py-spy is not here, or cannot look into processes of this machine.

    """
    beside_python = str(Path(sys.executable).parent)
    py_spy = shutil.which("py-spy", path=os.pathsep.join((beside_python, os.environ.get("PATH", ""))))
    if py_spy is None:
        raise BenchError(
            "--profile needs py-spy, which comes with ray[default]: install it, or leave the option out"
        )
    with tempfile.TemporaryDirectory(prefix="mfp-bench-") as folder:
        config, stacks = Path(folder, "bench.json"), Path(folder, "stacks.txt")
        write_config(config, replace(spec, repeats=1, profile=False, out=None))
        command = [
            *(py_spy, "record", "--subprocesses", "--format", "raw"),
            *("--rate", str(_SAMPLES_PER_SECOND), "--output", str(stacks), "--"),
            *(sys.executable, "-m", "pipelines", "bench", "--config", str(config)),
        ]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own command
        if ended.returncode or not stacks.exists():
            said = ended.stderr.strip().splitlines() or ["nothing"]
            raise BenchError(f"py-spy ended with code {ended.returncode} and said: {said[-1]}")
        return costs_of(stacks.read_text().splitlines(), _WORK[spec.name])


def costs_of(stacks: Iterable[str], work: str) -> tuple[Cost, ...]:
    """The costs in stacks as py-spy writes them, `outermost (file:line);...;innermost (file:line) samples`.

    Only stacks that hold the text `work` count.
    """
    samples: Counter[str] = Counter()
    for stack in stacks:
        frames, _, number = stack.rpartition(" ")
        if work in frames:
            samples[_where(frames.split(";"))] += int(number)
    total = samples.total()
    return tuple(Cost(where, number / total) for where, number in samples.most_common(_MOST))


def _where(frames: list[str]) -> str:
    ours = next((frame for frame in reversed(frames) if _OURS.search(frame)), None)
    if ours is not None:
        return _LINE.sub(")", ours)
    found = next((found[1] for frame in reversed(frames) if (found := _LIBRARY.search(frame))), "python")
    return f"no code of ours ({found})"

"""python -m tests.gpu.bench --out FOLDER: rates of networks at batch sizes and in arithmetics, waits, profiles.

Writes `bench-gpu.json` and `bench-gpu.md` after every cell, so that what was measured is kept if time runs out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import torch

from actors.specs.bench import BenchSpec
from infra.storage.files import Storage
from infra.storage.options import StorageOptions
from mfp.crop_runner import AUTOCAST_TYPES
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings, Precision
from mfp.network import ModulatedNetwork
from mfp.session import Session
from mfp.tf32 import allow_tf32
from pipelines.benchmarks.machine import this_machine
from pipelines.benchmarks.sequential_loop import SequentialLoop
from pipelines.benchmarks.subject import find_benched_model, samples_of, sessions_on
from tests.gpu.bench.feed import bare_rate, counted, engine_rate, loop_rate
from tests.gpu.bench.watching import hidden_waits, most_memory, profile_of

_GIB = 2**30


@dataclass(frozen=True)
class Asked:
    """What is measured: every network in every arithmetic at every batch size, about `seconds` for each figure."""

    device: str
    models: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    precisions: tuple[Precision, ...]
    objects: int
    seconds: float
    zoom_size: int | None
    out: Path

    def settings(self, precision: Precision, batch_size: int) -> EngineSettings:
        """Of the engine."""
        return EngineSettings(precision=precision, batch_size=batch_size, zoom_size=self.zoom_size or "model")


class Findings:
    """What was measured until now, on disk as on the screen."""

    def __init__(self, asked: Asked) -> None:
        machine = asdict(this_machine()) | {"device": _name_of(asked.device)}
        self.found: dict[str, Any] = {
            "machine": machine,
            "asked": asdict(asked) | {"out": str(asked.out)},
            "cells": [],
            "loops": [],
            "waits": {},
            "profiles": {},
            "failures": [],
        }
        self._out = asked.out
        self._started = time.monotonic()

    def note(self, kind: str, value: dict[str, Any]) -> None:
        """Add to a list."""
        self.found[kind].append(value)
        self._write(kind, value)

    def put(self, kind: str, name: str, value: Any) -> None:
        """Add by name."""
        self.found[kind][name] = value
        self._write(kind, {"name": name})

    def _write(self, kind: str, value: dict[str, Any]) -> None:
        said = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in value.items()
        )
        sys.stderr.write(f"{time.monotonic() - self._started:5.0f} s  {kind}: {said}\n")
        self._out.mkdir(parents=True, exist_ok=True)
        (self._out / "bench-gpu.json").write_text(json.dumps(self.found, indent=1))
        (self._out / "bench-gpu.md").write_text(tables(self.found))


def measure(asked: Asked) -> Findings:
    """Everything that was asked for. What fails is noted, and the rest is measured."""
    findings = Findings(asked)
    spec = BenchSpec(name="engine", objects=asked.objects)
    sessions = sessions_on(samples_of(spec, Storage(StorageOptions())), asked.objects, 20)
    for model in asked.models:
        for precision in asked.precisions:
            try:
                _loop(asked, findings, model, precision, sessions)
                for batch_size in asked.batch_sizes:
                    _cell(asked, findings, model, precision, batch_size, sessions)
            except Exception as error:  # whatever it is, the other figures are wanted
                findings.note(
                    "failures", {"model": model, "precision": precision, "error": f"{error!r}"[:500]}
                )
    for model in asked.models:
        try:
            _look_closely(asked, findings, model, sessions)
        except Exception as error:  # as above
            findings.note("failures", {"model": model, "precision": "fp32", "error": f"{error!r}"[:500]})
    return findings


def _loop(asked: Asked, findings: Findings, name: str, precision: Precision, sessions: list[Session]) -> None:
    network = find_benched_model(name, Storage(StorageOptions())).build()
    assert isinstance(network, ModulatedNetwork), "our own networks are measured"
    if asked.device != "cpu":
        allow_tf32(precision == "tf32")
    loop = SequentialLoop(network, asked.settings(precision, 1), 20, asked.device)
    rate = loop_rate(loop, sessions, asked.seconds)
    findings.note("loops", {"model": name, "precision": precision, "clicks_per_second": rate.per_second})


def _cell(
    asked: Asked,
    findings: Findings,
    name: str,
    precision: Precision,
    batch_size: int,
    sessions: list[Session],
) -> None:
    device = torch.device(asked.device)
    model = find_benched_model(name, Storage(StorageOptions())).build()
    engine = Engine(model, asked.settings(precision, batch_size), asked.device)
    model_counted = counted(engine, flip=True)
    lower = AUTOCAST_TYPES[precision]
    with most_memory(device) as memory:
        rate = engine_rate(engine, model_counted, sessions, asked.seconds / 2, asked.seconds)
        most = memory()
    bare = bare_rate(
        model_counted,
        lambda: torch.autocast(device.type, lower, enabled=lower is not torch.float32),
        asked.seconds / 2,
    )
    findings.note(
        "cells",
        {
            "model": name,
            "precision": precision,
            "batch_size": batch_size,
            "fitting_batch_size": engine.batch_size,
            "clicks_per_second": rate.per_second,
            "bare_per_second": bare.per_second,
            "share_of_bare": rate.per_second / bare.per_second,
            "memory_gib": most / _GIB,
        },
    )


def _look_closely(asked: Asked, findings: Findings, name: str, sessions: list[Session]) -> None:
    """Hidden waits and a profile, in float32 at the largest batch size."""
    device = torch.device(asked.device)
    model = find_benched_model(name, Storage(StorageOptions())).build()
    engine = Engine(model, asked.settings("fp32", max(asked.batch_sizes)), asked.device)
    findings.put("waits", name, hidden_waits(engine, sessions, device))
    watched = counted(engine, flip=True)
    findings.put(
        "profiles",
        name,
        profile_of(lambda: engine_rate(engine, watched, sessions, 0.0, min(1.0, asked.seconds)), device),
    )


def tables(found: dict[str, Any]) -> str:
    """Markdown: a table for each network, then the waits and the profiles."""
    loops = {(one["model"], one["precision"]): one["clicks_per_second"] for one in found["loops"]}
    machine = found["machine"]
    lines = [
        f"# {machine['device']}",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {found['asked']['objects']} made-up photographs of 375x500 "
        f"pixels, clicked 1 to 20 times, with mirror image; about {found['asked']['seconds']} s a figure. "
        f"torch {machine['versions'].get('torch')}.",
    ]
    for model in found["asked"]["models"]:
        lines += [
            "",
            f"## {model}",
            "",
            "| arithmetic | batch | clicks/s | bare network, clicks/s | share of it | x the loop | GiB |",
            "|---|---|---|---|---|---|---|",
        ]
        for cell in found["cells"]:
            if cell["model"] == model:
                loop = loops[model, cell["precision"]]
                lines.append(
                    f"| {cell['precision']} | {cell['fitting_batch_size']} | {cell['clicks_per_second']:.1f} "
                    f"| {cell['bare_per_second']:.1f} | {cell['share_of_bare']:.2f} "
                    f"| {cell['clicks_per_second'] / loop:.1f} | {cell['memory_gib']:.2f} |"
                )
        of_loop = [
            f"{loops[model, precision]:.1f} ({precision})"
            for precision in found["asked"]["precisions"]
            if (model, precision) in loops
        ]
        lines += ["", f"The loop of the field, one object at a time: {', '.join(of_loop)} clicks/s."]
        if model in found["waits"]:
            lines.append(f"Hidden waits while all objects were clicked: {found['waits'][model]}.")
    for failure in found["failures"]:
        lines += ["", f"Failed: {failure}"]
    for model, profile in found["profiles"].items():
        lines += ["", f"## A second of {model}", "", "```", profile, "```"]
    return "\n".join(lines) + "\n"


def _name_of(device: str) -> str:
    return torch.cuda.get_device_name() if device != "cpu" else "CPU"


def main(arguments: list[str]) -> int:
    """Exit code 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.bench")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--models", default="lite0,resnet34,hrnet18,vit_b")
    parser.add_argument("--batch-sizes", default="1,2,4,8,16,32,64")
    parser.add_argument("--precisions", default="fp32,tf32,bf16")
    parser.add_argument("--objects", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--zoom-size", type=int)
    parser.add_argument("--out", type=Path, default=Path("bench-gpu"))
    given = parser.parse_args(arguments)
    unknown = set(given.precisions.split(",")) - set(get_args(Precision))
    if unknown:
        parser.error(f"--precisions: {', '.join(sorted(unknown))}: choose from {get_args(Precision)}")
    if given.device != "cpu" and not torch.cuda.is_available():
        parser.error(
            f"--device {given.device}: no CUDA GPU on this machine; --device cpu tries the program itself"
        )
    findings = measure(
        Asked(
            device=given.device,
            models=tuple(given.models.split(",")),
            batch_sizes=tuple(int(size) for size in given.batch_sizes.split(",")),
            precisions=tuple(given.precisions.split(",")),
            objects=given.objects,
            seconds=given.seconds,
            zoom_size=given.zoom_size,
            out=given.out,
        )
    )
    sys.stdout.write(tables(findings.found))
    return 1 if findings.found["failures"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

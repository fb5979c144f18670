"""`mfp bench sequential`: the engine beside the usual loop of this field, on the same objects with the same weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TypeAlias

from actors.click_models.model_ref import ModelRef
from actors.specs.bench import BenchSpec
from infra.shards.sample import Sample
from infra.storage.files import Storage
from mfp.clicks import Click
from mfp.engine import Engine
from mfp.metrics import ClickIous, noc
from mfp.network import ModulatedNetwork
from mfp.session import Session
from pipelines.benchmarks.machine import cores_of, device_of, this_machine
from pipelines.benchmarks.processes import WorkProcesses, shape
from pipelines.benchmarks.result import BenchResult, Fact, Line
from pipelines.benchmarks.sequential_loop import SequentialLoop
from pipelines.benchmarks.subject import (
    ObjectName,
    find_benched_model,
    name_of,
    on_fastest_backend,
    samples_of,
    sessions_on,
)
from pipelines.benchmarks.turns import take_turns
from pipelines.errors import OptionError

_NOC_AT = 0.9


@dataclass(frozen=True)
class ClickedObject:
    """Where an object was clicked, in image pixels, and the IoU after each click."""

    clicks: tuple[Click, ...]
    ious: tuple[float | None, ...]


@dataclass(frozen=True)
class Share:
    """What one process does: every `num_processes`-th of the first objects, from `idx` on."""

    spec: BenchSpec
    model: ModelRef
    samples: tuple[Sample, ...]
    idx: int
    num_processes: int


Clicked: TypeAlias = list[tuple[ObjectName, ClickedObject]]


def bench_sequential(spec: BenchSpec) -> BenchResult:
    """Measure the loop in one process on all threads, and the engine in several ways.

    By PyTorch and by the backend that is fastest, with a process for each core, each pinned to its core or not; by the
    latter in one process on all threads, too; and once with the mirror image for the first clicks alone, which may lead
    to other clicks.

    Raises:
        OptionError, MfpError, InfraError: what the specification names is not there, or is none of our networks.

    """
    machine, storage = this_machine(), Storage(spec.storage)
    model = find_benched_model(spec.model, storage)
    if not isinstance(model.build(), ModulatedNetwork):
        raise OptionError(f"--model {spec.model}: the loop runs our own networks only; see `mfp models`")
    samples, cores = samples_of(spec, storage), cores_of(spec)
    loop = f"loop, {shape(1, cores)}"
    kinds = {loop: (prepare_loop, spec, 1, cores)}
    for of_engine, processes, threads in _engines(spec, model, cores):
        network = of_engine.network
        flip = ", flip auto" if network.flip == "auto" else ""
        name = f"engine by {network.backend}{flip}, {shape(processes, threads)}"
        kinds[name] = (prepare_engine, of_engine, processes, threads)
        if processes > 1 and not flip and can_pin():
            kinds[f"{name}, pinned"] = (prepare_pinned_engine, of_engine, processes, threads)
    with ExitStack() as stack:
        ways: dict[str, WorkProcesses[Clicked]] = {}
        for name, (prepare, of_way, processes, threads) in kinds.items():
            shares = [(Share(of_way, model, samples, idx, processes),) for idx in range(processes)]
            ways[name] = stack.enter_context(WorkProcesses(prepare, shares, threads))
        timings = take_turns({name: way.run for name, way in ways.items()}, spec.repeats)
        clicked = {name: dict(pair for share in way.results for pair in share) for name, way in ways.items()}
    lines, facts = [], [Fact("objects", len(clicked[loop]))]
    for name, objects in clicked.items():
        num_clicks = sum(len(one.clicks) for one in objects.values())
        num_same = sum(one.clicks == clicked[loop][key].clicks for key, one in objects.items())
        figure = _mean_noc(objects, spec.clicks)
        note = f"NoC@90 {figure:.2f}, clicks of the loop on {num_same} of {len(objects)}"
        lines.append(
            Line("", name, 1000 * timings.median(name) / num_clicks, timings.ratio(loop, name), note)
        )
        facts += [
            Fact(f"clicks, {name}", num_clicks),
            Fact(f"objects with the clicks of the loop, {name}", num_same),
            Fact(f"NoC@90, {name}", figure, "clicks"),
        ]
    return BenchResult(
        spec, machine, "click", "x the speed of the loop", tuple(lines), tuple(facts), timings.seconds
    )


def _engines(spec: BenchSpec, model: ModelRef, cores: int) -> Iterator[tuple[BenchSpec, int, int]]:
    """A specification for each engine, its processes, and threads in each."""
    fastest = on_fastest_backend(spec, model)
    if spec.network.backend == "auto" and fastest.network.backend != "torch":
        yield replace(spec, network=replace(spec.network, backend="torch")), cores, 1
    yield fastest, cores, 1
    yield fastest, 1, cores
    if spec.network.flip == "on":
        yield replace(fastest, network=replace(fastest.network, flip="auto")), cores, 1


def prepare_loop(share: Share) -> Callable[[], Clicked]:
    """The loop of the field over a share."""
    network = share.model.build()
    assert isinstance(network, ModulatedNetwork), "checked before"
    sessions = _sessions(share)
    loop = SequentialLoop(network, share.spec.network, share.spec.clicks, device_of(share.spec))
    loop.clicks_on(sessions[0])  # memory is handed out, kernels are chosen

    def work() -> Clicked:
        clicked: Clicked = []
        for session in sessions:
            clicks, ious = loop.clicks_on(session)
            clicked.append((name_of(session), ClickedObject(tuple(clicks), tuple(ious))))
        return clicked

    return work


def prepare_engine(share: Share) -> Callable[[], Clicked]:
    """The engine over a share."""
    sessions = _sessions(share)
    names = {session.key: name_of(session) for session in sessions}
    engine = Engine(share.model.build(), share.spec.network, device_of(share.spec), share.model.identity)
    list(engine.run(sessions[:1]))  # memory is handed out, kernels are chosen

    def work() -> Clicked:
        return [
            (
                names[finished.key],
                ClickedObject(
                    tuple(record.click for record in finished.clicks),
                    tuple(record.iou for record in finished.clicks),
                ),
            )
            for finished in engine.run(sessions)
        ]

    return work


def can_pin() -> bool:
    """Whether a process can be kept on one core here; Linux alone lets it."""
    return hasattr(os, "sched_setaffinity")


def prepare_pinned_engine(share: Share) -> Callable[[], Clicked]:
    """The engine over a share, in a process that stays on the core of its own."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[share.idx % len(cores)]})
    return prepare_engine(share)


def _sessions(share: Share) -> list[Session]:
    sessions = sessions_on(share.samples, share.spec.objects, share.spec.clicks)
    return sessions[share.idx :: share.num_processes]


def _mean_noc(objects: Mapping[ObjectName, ClickedObject], max_clicks: int) -> float:
    ious = ClickIous.from_lists([one.ious for one in objects.values()])
    return float(noc(ious, _NOC_AT, max_clicks).mean())

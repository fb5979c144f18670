"""`mfp bench pieces`: each piece of work by ours and by other libraries, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from actors.specs.bench import BenchSpec
from infra import rle
from infra.storage.files import Storage
from mfp.network import ModulatedNetwork
from pipelines.benchmarks.machine import this_machine
from pipelines.benchmarks.pieces import gets, images, maps, masks, rows, tables
from pipelines.benchmarks.pieces.piece import Choice, Piece
from pipelines.benchmarks.result import BenchResult, Fact, Line
from pipelines.benchmarks.subject import find_benched_model, samples_of
from pipelines.benchmarks.threads import on_threads
from pipelines.benchmarks.turns import Timings, take_turns, timed
from pipelines.benchmarks.workplace import workplace

_SECONDS_AT_ONCE = 0.1  # that a turn takes at least


@dataclass(frozen=True)
class _Loaded:
    """A choice that is here: all of its work once, and what that comes to."""

    choice: Choice
    work: Callable[[], object]
    results: list[object]


def bench_pieces(spec: BenchSpec) -> BenchResult:
    """Measure every piece whose inputs are here, on one thread where a library lets one say so.

    Raises:
        OptionError, InfraError, MfpError: the specification names a data set, a place or a model that is not there.

    """
    machine, storage = this_machine(), Storage(spec.storage)
    lines: list[Line] = []
    seconds: dict[str, tuple[float, ...]] = {}
    remarks: list[str] = []
    with ExitStack() as stack, on_threads(1):
        for piece in _pieces(spec, storage, stack, remarks):
            timings, found = _measured(piece, spec.repeats, remarks)
            lines += _lines(piece, timings, found)
            seconds |= {f"{piece.name}: {name}": of_way for name, of_way in timings.seconds.items()}
    return BenchResult(
        spec,
        machine,
        "call",
        "of the time of ours",
        tuple(lines),
        (Fact("images and masks", spec.objects),),
        seconds,
        remarks=tuple(remarks),
    )


def _pieces(spec: BenchSpec, storage: Storage, stack: ExitStack, remarks: list[str]) -> Iterator[Piece]:
    samples = samples_of(spec, storage)
    truths = [
        rle.decode(one.rle, sample.height, sample.width) for sample in samples for one in sample.objects
    ][: spec.objects]
    yield images.decoding(samples)
    yield masks.distances(truths)
    yield maps.modulation(spec.objects)
    yield masks.encoding(truths)
    yield masks.decoding(truths)
    yield tables.writing(truths)
    network = find_benched_model(spec.model, storage).build()
    if isinstance(network, ModulatedNetwork):
        yield rows.rows(network)
    if spec.place is None or not spec.place.startswith("s3://"):
        remarks.append("gets from S3 were not measured: name a bucket, --at s3://bucket")
        return
    place = stack.enter_context(workplace(spec, storage))
    yield gets.gets([sample.image_bytes for sample in samples], place, storage)


def _measured(piece: Piece, repeats: int, remarks: list[str]) -> tuple[Timings, dict[str, _Loaded]]:
    found: dict[str, _Loaded] = {}
    for choice in (piece.ours, *piece.others):
        try:
            function = choice.load()
        except Exception as error:  # whatever a library says if a part of it is missing
            if choice is piece.ours:
                raise
            remarks.append(f"{piece.name}: {choice.name} is not here ({_one_line(error)})")
            continue

        def work(function: Callable[[object], object] = function) -> list[object]:
            return [function(one) for one in piece.inputs]

        found[choice.name] = _Loaded(choice, work, work())
    started = time.perf_counter()
    found[piece.ours.name].work()
    rounds = max(1, round(_SECONDS_AT_ONCE / (time.perf_counter() - started)))

    def several(work: Callable[[], object]) -> Callable[[], None]:
        def again() -> None:
            for _ in range(rounds):
                work()

        return again

    timings = take_turns({name: timed(several(one.work)) for name, one in found.items()}, repeats)
    calls = rounds * len(piece.inputs)
    each = {name: tuple(value / calls for value in of_way) for name, of_way in timings.seconds.items()}
    return Timings(each), found


def _lines(piece: Piece, timings: Timings, found: dict[str, _Loaded]) -> Iterator[Line]:
    ours = found[piece.ours.name]
    for name, one in found.items():
        agrees = all(piece.agree(mine, its) for mine, its in zip(ours.results, one.results, strict=True))
        yield Line(
            piece.name,
            name,
            1000 * timings.median(name),
            timings.ratio(name, piece.ours.name),
            "" if one is ours else "same result" if agrees else "another result",
        )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__

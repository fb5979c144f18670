"""What a run was made of, in words: model, data, seed, settings and versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from actors.specs.label import LabelSpec
from actors.specs.leaves import leaves_of, value_of
from mfp.setting import Effect
from pipelines.inputs.run_record import FollowedRun, LabelRecord, StartsContent


class Fact(NamedTuple):
    """One thing that is known of a run."""

    name: str
    value: str


def facts(record: LabelRecord) -> Iterator[Fact]:
    """What was given to the run."""
    spec, model = record.spec, record.model
    yield Fact("model", spec.model.name)
    if isinstance(model, FollowedRun):
        yield Fact("models of the training run", model.run)
    else:
        yield Fact("model id", model.model_id)
        if model.step is not None:
            yield Fact("step of its training", f"{model.step:,}")
    yield Fact("data set", spec.dataset)
    yield Fact("fingerprint of the data set", record.dataset.fingerprint)
    yield Fact("shards", f"{record.dataset.num_shards:,}")
    yield Fact("clicks", spec.clicks.source)
    clicks = record.given.clicks
    if not isinstance(clicks, str):
        yield Fact("fingerprint of the click log", f"{clicks.fingerprint} ({clicks.num_clicks:,} clicks)")
    yield Fact("start", spec.start.source)
    if isinstance(record.given.start, StartsContent):
        yield Fact("fingerprint of the starts", record.given.start.fingerprint)
    yield Fact("seed", str(spec.seed))
    yield Fact("begun", record.created)


def deciding_settings(spec: LabelSpec) -> Sequence[Fact]:
    """The settings that decide rows, as docs/settings.md names them."""
    return [
        Fact(leaf.name, _shown(value_of(spec, leaf)))
        for leaf in leaves_of(LabelSpec)
        if leaf.effect is Effect.ROWS
    ]


def _shown(value: object) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)

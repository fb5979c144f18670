"""Specifications from short names: `label_spec(dataset, out, model, zoom_size=64)`."""

from __future__ import annotations

import dataclasses
from typing import Any

from actors.specs.evaluate import EvaluateSpec
from actors.specs.flywheel import FlywheelSpec
from actors.specs.label import LabelSpec
from actors.specs.leaves import build, leaves_of, with_values
from actors.specs.model import ModelChoice
from actors.specs.shard import ShardSpec
from actors.specs.train import TrainSpec
from mfp.training.recipe import Recipe
from pipelines.inputs.run_record import ClickContent, DatasetContent, GivenContent, LabelRecord, OneModel
from pipelines.inputs.training_recipe import changed as changed_recipe
from pipelines.inputs.training_recipe import recipe

_RECIPE = {field.name for field in dataclasses.fields(Recipe)} - {"name"}


def label_spec(dataset: str, out: str, model: str, **settings: Any) -> LabelSpec:
    spec: LabelSpec = _filled(LabelSpec, {"dataset": dataset, "out": out}, {"model": model} | settings)
    return spec


def evaluate_spec(dataset: str, out: str, model: str, **settings: Any) -> EvaluateSpec:
    spec: EvaluateSpec = _filled(EvaluateSpec, {"dataset": dataset, "out": out}, {"model": model} | settings)
    return spec


def shard_spec(source: str, destination: str, layout: str, **settings: Any) -> ShardSpec:
    spec: ShardSpec = _filled(
        ShardSpec, {"source": source, "destination": destination, "layout": layout}, settings
    )
    return spec


def train_spec(datasets: tuple[str, ...], out: str, **settings: Any) -> TrainSpec:
    """Settings of the recipe change that of `recipe`, a name, or of the model."""
    given = {"datasets": datasets, "out": out, "recipe": _recipe(settings)}
    spec: TrainSpec = _filled(TrainSpec, given, settings)
    return spec


def flywheel_spec(**settings: Any) -> FlywheelSpec:
    given: dict[str, Any] = {
        name: settings.pop(name) for name in ("unlabelled", "train_on", "evaluation", "out")
    }
    given["model"] = ModelChoice(settings.pop("model", "lite0"))
    settings["recipe"] = settings.pop("recipe", "")
    of_wheel = {name: settings.pop(name) for name in {"frozen_statistics"} & settings.keys()}
    given |= {"recipe": _recipe(settings)} | of_wheel
    spec: FlywheelSpec = _filled(FlywheelSpec, given, settings)
    return spec


def changed(spec: Any, **settings: Any) -> Any:
    """The same specification with some settings changed, by their short names."""
    of_recipe = {}
    if hasattr(spec, "recipe"):
        names = _RECIPE - {field.name for field in dataclasses.fields(spec)}
        of_recipe = {name: settings.pop(name) for name in names & settings.keys()}
    given = {_path(type(spec), name): value for name, value in settings.items()}
    if of_recipe:
        given["recipe",] = changed_recipe(spec.recipe, **of_recipe)
    return with_values(spec, given)


def replayed(spec: LabelSpec, log: str, **settings: Any) -> LabelSpec:
    """The same run with the clicks of a log, made to their end unless the settings say otherwise."""
    to_the_end = {"max_clicks": "all", "target_iou": "none"}
    replay: LabelSpec = changed(spec, clicks=log, **{**to_the_end, **settings})
    return replay


def label_record(
    spec: LabelSpec | None = None,
    *,
    content: ClickContent = "protocol",
    num_shards: int = 1,
    **settings: Any,
) -> LabelRecord:
    """What `run.json` holds of a specification, or of one with these settings."""
    return LabelRecord(
        spec=(spec or label_spec("data", "run", "analytic", **settings)).resolved(),
        dataset=DatasetContent(fingerprint="f" * 64, num_shards=num_shards),
        model=OneModel(model_id="analytic"),
        given=GivenContent(clicks=content),
        versions={},
        processor="a processor",
        created="2026-01-01T00:00:00+00:00",
    )


def _recipe(settings: dict[str, Any]) -> Recipe:
    """Take what is the recipe's out of the settings."""
    given = {name: settings.pop(name) for name in _RECIPE & settings.keys()}
    return recipe(settings.pop("recipe", ""), **given)


def _filled(kind: type[Any], given: dict[str, Any], settings: dict[str, Any]) -> Any:
    paths: dict[tuple[str, ...], Any] = {(name,): value for name, value in given.items()}
    paths |= {_path(kind, name): value for name, value in settings.items()}
    return build(kind, paths)


def _path(kind: type[Any], name: str) -> tuple[str, ...]:
    names = {
        "clicks": ("clicks", "source"),
        "model": ("model", "name"),
        "start": ("start", "source"),
        "workers": ("workers", "count"),
    }
    if name in names:
        return names[name]
    if name in {field.name for field in dataclasses.fields(kind)}:
        return (name,)
    (path,) = [leaf.path for leaf in leaves_of(kind) if leaf.path[-1] == name and leaf.path[0] != "recipe"]
    return path

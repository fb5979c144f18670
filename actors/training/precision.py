"""The arithmetic of a training run: what its recipe names, or what the first worker finds fastest on its device.

`precision.json` in the run directory keeps the choice, so that a run that goes on elsewhere learns as it would have.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from actors.training.group import TrainGroup
from infra.json_text import parse_json
from infra.storage.files import Storage, join
from mfp.errors import TrainingError
from mfp.training.precision import cost_of_bf16
from mfp.training.recipe import AUTO, PrecisionName, Recipe
from mfp.training.trainable import TrainableNetwork

PRECISION_FILE = "precision.json"
_FIELDS = ("precision", "recursion_precision")
_PAYS_BELOW = 0.9  # of float32's time: less is not worth another arithmetic
_SLOWER = 1.1


@dataclass(frozen=True)
class ChosenPrecision:
    """The arithmetic of the passes with and without gradient, and sentences on how it was chosen."""

    precision: PrecisionName
    recursion_precision: PrecisionName
    notes: tuple[str, ...] = ()

    def in_recipe(self, recipe: Recipe) -> Recipe:
        """Return the recipe with these in the place of `auto`."""
        return replace(recipe, precision=self.precision, recursion_precision=self.recursion_precision)


def choose_precision(
    recipe: Recipe, network: TrainableNetwork, group: TrainGroup, storage: Storage, run_url: str, driver: str
) -> ChosenPrecision:
    """Return what all workers compute in; the first of them decides, by timed passes, and writes it down.

    `driver` names the command that the run belongs to: it waits for the notes of this very start.
    A recipe in float32 needs no passes. What an earlier start of the run chose stays; it is timed here all the same,
    and a note says so if it is slower than float32. The same is done for an arithmetic that a person named.

    Raises:
        TrainingError: `precision.json` is damaged.

    """
    chosen = ChosenPrecision("fp32", "fp32")
    if group.rank == 0:
        kept = _kept(storage, run_url)
        names: dict[str, PrecisionName] = {}
        notes: list[str] = []
        for field in _FIELDS:
            name, said = _choice(getattr(recipe, field), kept.get(field, ""), field, recipe, network)
            names[field] = cast(PrecisionName, name)
            notes += said
        chosen = ChosenPrecision(names["precision"], names["recursion_precision"], tuple(notes))
        document = {**names, "notes": notes, "driver": driver}
        storage.write_bytes(join(run_url, PRECISION_FILE), json.dumps(document, indent=1).encode())
    return group.gathered(chosen)[0]


def is_chosen(storage: Storage, run_url: str, driver: str) -> bool:
    """Tell whether the workers of this command have chosen, in this start of the run."""
    url = join(run_url, PRECISION_FILE)
    return storage.exists(url) and _document(storage, url).get("driver") == driver


def read_notes(storage: Storage, run_url: str) -> Sequence[str]:
    """Return what is to be told of the choice."""
    notes = _document(storage, join(run_url, PRECISION_FILE)).get("notes")
    return [str(note) for note in notes] if isinstance(notes, list) else ()


def _choice(
    asked: str, kept: str, field: str, recipe: Recipe, network: TrainableNetwork
) -> tuple[str, list[str]]:
    # fp16 is for GPUs that know no bfloat16
    if asked in {"fp32", "fp16"} or (asked == AUTO and kept == "fp32"):
        return kept if asked == AUTO else asked, []
    cost = cost_of_bf16(network, recipe.crop_size, with_gradient=field == "precision")
    option = f"--{field.replace('_', '-')}"
    measured = f"passes in bf16 take {cost:.2f} of the time of fp32 here"
    if asked == AUTO and not kept:
        name = "bf16" if cost < _PAYS_BELOW else "fp32"
        return name, [f"{option} auto is {name}: {measured}"]
    name = kept if asked == AUTO else asked
    if name == "bf16" and cost > _SLOWER:
        why = (
            f"chosen when the run began, it stays; {measured}"
            if asked == AUTO
            else f"{measured}; fp32 is faster"
        )
        return name, [f"{option} {name}: {why}"]
    return name, []


def _kept(storage: Storage, run_url: str) -> dict[str, str]:
    url = join(run_url, PRECISION_FILE)
    document = _document(storage, url) if storage.exists(url) else {}
    return {
        field: str(document[field]) for field in _FIELDS if document.get(field) in {"fp32", "bf16", "fp16"}
    }


def _document(storage: Storage, url: str) -> dict[str, object]:
    try:
        document = parse_json(storage.read_bytes(url))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise TrainingError(f"{url} is damaged: delete it, and the arithmetic is chosen anew")
    return document

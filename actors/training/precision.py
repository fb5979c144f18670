"""The arithmetic of a training run: what its recipe names, or what the first worker finds fastest on its device.

`precision.json` in the run directory keeps the choice, so that a run that goes on elsewhere learns as it would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from actors.training.group import TrainGroup
from infra.storage.files import Storage, join
from infra.strict_json import from_bytes, to_bytes
from mfp.errors import TrainingError
from mfp.training.precision import cost_of_bf16
from mfp.training.recipe import AUTO, PrecisionChoice, PrecisionName, Recipe
from mfp.training.trainable import TrainableNetwork

PRECISION_FILE = "precision.json"
_PAYS_BELOW = 0.9  # of float32's time: less is not worth another arithmetic
_SLOWER = 1.1


@dataclass(frozen=True)
class ChosenPrecision:
    """What a run computes in: `precision.json`.

    Attributes:
        precision: of the passes with gradient.
        recursion_precision: of those without.
        driver: names the command whose workers have chosen, in the newest start of the run.
        notes: sentences on how they chose.
    """

    precision: PrecisionName
    recursion_precision: PrecisionName
    driver: str
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
    chosen = ChosenPrecision("fp32", "fp32", driver)
    if group.rank == 0:
        kept = _read(storage, run_url)
        names: dict[str, PrecisionName] = {}
        notes: list[str] = []
        for field in ("precision", "recursion_precision"):
            kept_name = None if kept is None else getattr(kept, field)
            names[field], said = _choice(getattr(recipe, field), kept_name, field, recipe, network)
            notes += said
        chosen = ChosenPrecision(**names, driver=driver, notes=tuple(notes))
        storage.write_bytes(join(run_url, PRECISION_FILE), to_bytes(chosen))
    return group.gathered(chosen)[0]


def is_chosen(storage: Storage, run_url: str, driver: str) -> bool:
    """Tell whether the workers of this command have chosen, in this start of the run."""
    chosen = _read(storage, run_url)
    return chosen is not None and chosen.driver == driver


def read_notes(storage: Storage, run_url: str) -> Sequence[str]:
    """Return what is to be told of the choice; nothing before it is made."""
    chosen = _read(storage, run_url)
    return () if chosen is None else chosen.notes


def _choice(
    asked: PrecisionChoice, kept: PrecisionName | None, field: str, recipe: Recipe, network: TrainableNetwork
) -> tuple[PrecisionName, list[str]]:
    name = kept if asked == AUTO else asked
    if name is not None and name != "bf16":  # fp16 is for GPUs that know no bfloat16
        return name, []
    cost = cost_of_bf16(network, recipe.crop_size, with_gradient=field == "precision")
    option = f"--{field.replace('_', '-')}"
    measured = f"passes in bf16 take {cost:.2f} of the time of fp32 here"
    if name is None:
        name = "bf16" if cost < _PAYS_BELOW else "fp32"
        return name, [f"{option} auto is {name}: {measured}"]
    if cost > _SLOWER:
        why = (
            f"chosen when the run began, it stays; {measured}"
            if asked == AUTO
            else f"{measured}; fp32 is faster"
        )
        return name, [f"{option} {name}: {why}"]
    return name, []


def _read(storage: Storage, run_url: str) -> ChosenPrecision | None:
    """What was chosen; None if nothing was yet."""
    url = join(run_url, PRECISION_FILE)
    if not storage.exists(url):
        return None
    try:
        return from_bytes(ChosenPrecision, storage.read_bytes(url))
    except ValueError as error:
        raise TrainingError(
            f"{url} is damaged ({error}): delete it, and the arithmetic is chosen anew"
        ) from None

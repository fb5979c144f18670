"""What a training run computes in: named, or chosen by timed passes and then kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import actors.training.precision as precision_module
from actors.training.group import TrainGroup
from actors.training.precision import PRECISION_FILE, ChosenPrecision, choose_precision, is_chosen, read_notes
from infra.storage.files import Storage
from mfp.errors import TrainingError
from mfp.models.lite0 import Lite0, Lite0Config
from mfp.training.precision import cost_of_bf16
from mfp.training.recipe import Recipe
from mfp.training.step import StepSettings
from pipelines.inputs.recipe_names import recipe_names
from pipelines.inputs.training_recipe import recipe
from tests.actors.two_workers import run_in_two_workers
from tests.training_jobs import ALONE, small_job, train_to_the_end, write_bright_objects

AUTO = recipe("lite0", crop_size=(64, 64), precision="fp32", recursion_precision="auto")


def network() -> Lite0:
    torch.manual_seed(0)
    return Lite0(Lite0Config(decoder_channels=16))


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the next timed passes say; none may be made beyond them."""
    told: list[float] = []

    def cost(*args: object, **named: object) -> float:
        return told.pop(0)

    monkeypatch.setattr(precision_module, "cost_of_bf16", cost)
    return told


def choose(recipe: Recipe, folder: Path) -> ChosenPrecision:
    return choose_precision(recipe, network(), ALONE, Storage(), str(folder), "this command")


@pytest.mark.parametrize(("cost", "name"), [(0.4, "bf16"), (0.95, "fp32"), (11.0, "fp32")])
def test_auto_is_what_a_timed_pass_finds_faster_and_the_log_says_so(
    tmp_path: Path, costs: list[float], cost: float, name: str
) -> None:
    costs.append(cost)
    chosen = choose(AUTO, tmp_path)
    assert (chosen.precision, chosen.recursion_precision) == ("fp32", name)
    (note,) = read_notes(Storage(), str(tmp_path))
    assert (
        note
        == f"--recursion-precision auto is {name}: passes in bf16 take {cost:.2f} of the time of fp32 here"
    )
    assert StepSettings.of(chosen.in_recipe(AUTO)).recursion_precision == (
        torch.bfloat16 if name == "bf16" else torch.float32
    )


def test_a_run_that_goes_on_elsewhere_keeps_its_arithmetic_and_says_if_it_is_slow_there(
    tmp_path: Path, costs: list[float]
) -> None:
    costs += [0.4, 11.0]
    assert choose(AUTO, tmp_path).recursion_precision == "bf16"
    again = choose(AUTO, tmp_path)
    assert again.recursion_precision == "bf16"
    (note,) = again.notes
    assert "chosen when the run began, it stays; passes in bf16 take 11.00 of the time" in note


def test_an_arithmetic_that_was_kept_as_float32_needs_no_further_pass(
    tmp_path: Path, costs: list[float]
) -> None:
    costs.append(11.0)
    assert choose(AUTO, tmp_path).recursion_precision == "fp32"
    assert choose(AUTO, tmp_path).recursion_precision == "fp32"


def test_a_command_waits_for_the_choice_of_its_own_start(tmp_path: Path, costs: list[float]) -> None:
    costs.append(11.0)
    assert not is_chosen(Storage(), str(tmp_path), "this command")
    choose(AUTO, tmp_path)
    assert is_chosen(Storage(), str(tmp_path), "this command")
    assert not is_chosen(Storage(), str(tmp_path), "a later command")


def test_a_named_precision_is_taken_and_a_slow_one_is_told(tmp_path: Path, costs: list[float]) -> None:
    costs += [11.0, 0.4]
    named = replace(AUTO, recursion_precision="bf16")
    slow = choose(named, tmp_path / "slow")
    assert slow.recursion_precision == "bf16"
    assert slow.notes == (
        "--recursion-precision bf16: passes in bf16 take 11.00 of the time of fp32 here; fp32 is faster",
    )
    assert choose(named, tmp_path / "fast").notes == ()


def test_float32_needs_no_timed_pass(tmp_path: Path, costs: list[float]) -> None:
    chosen = choose(replace(AUTO, recursion_precision="fp32"), tmp_path)
    assert (chosen.precision, chosen.recursion_precision, chosen.notes) == ("fp32", "fp32", ())


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"precision": "fp32"}',
        '{"precision": "fp8", "recursion_precision": "fp32", "driver": "", "notes": []}',
        "[" * 300 + "]" * 300,
    ],
)
def test_a_damaged_record_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / PRECISION_FILE).write_text(content)
    with pytest.raises(TrainingError, match=r"is damaged \(.*\): delete it"):
        choose(AUTO, tmp_path)


def test_the_cost_is_a_ratio_of_real_passes_and_leaves_the_network_as_it_is() -> None:
    measured = network().train()
    before = {name: value.clone() for name, value in measured.state_dict().items()}
    for with_gradient in (False, True):
        assert cost_of_bf16(measured, (64, 64), with_gradient=with_gradient) > 0
    assert measured.training
    assert all(parameter.grad is None for parameter in measured.parameters())
    for name, value in measured.state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_no_recipe_names_an_arithmetic_that_was_not_checked_on_the_machine() -> None:
    for name in recipe_names():
        shipped = recipe(name)
        assert {shipped.precision, shipped.recursion_precision} <= {"fp32", "auto"}, name


def _choose_in_two(group: TrainGroup, folder: str) -> None:
    chosen = choose_precision(AUTO, network(), group, Storage(), folder, "")
    Path(folder, f"worker-{group.rank}").write_text(repr(chosen))


def test_all_workers_take_the_choice_of_the_first(tmp_path: Path) -> None:
    run_in_two_workers(_choose_in_two, tmp_path, str(tmp_path))
    one, two = ((tmp_path / f"worker-{rank}").read_text() for rank in range(2))
    assert one == two


def test_a_run_trains_in_what_was_chosen(tmp_path: Path, costs: list[float]) -> None:
    costs.append(0.4)
    job_folder = tmp_path / "run"
    dataset = write_bright_objects(str(tmp_path / "data"))
    train_to_the_end(ALONE, small_job(dataset, job_folder, recursion_precision="auto", steps=1))
    written = json.loads((job_folder / PRECISION_FILE).read_text())
    assert (written["precision"], written["recursion_precision"]) == ("fp32", "bf16")

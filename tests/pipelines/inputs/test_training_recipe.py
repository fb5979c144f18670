"""Recipes: every shipped one loads and explains itself; anything else is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

import pipelines
from mfp.models.registry import trainable_names
from pipelines.errors import OptionError
from pipelines.inputs.recipe_names import recipe_names
from pipelines.inputs.training_recipe import recipe

FOLDER = Path(pipelines.__file__).parent / "recipes"


def test_every_network_has_a_recipe_and_every_recipe_a_network() -> None:
    assert recipe_names() == ["hrnet18", "lite0", "resnet34", "vit_b_cocolvis", "vit_b_sbd"]
    assert {recipe(name).model for name in recipe_names()} == set(trainable_names())
    for model in trainable_names():
        assert recipe(model=model).model == model


@pytest.mark.parametrize("name", ["hrnet18", "lite0", "resnet34", "vit_b_cocolvis", "vit_b_sbd"])
def test_every_value_says_where_it_comes_from(name: str) -> None:
    for line in (FOLDER / f"{name}.toml").read_text().splitlines():
        if "=" in line and not line.startswith("#") and not line.startswith("model ="):
            assert "#" in line, line


def test_the_published_protocol_is_in_its_recipe() -> None:
    published = recipe("vit_b_sbd")
    assert (published.crop_size, published.batch_size, published.rate, published.betas) == (
        (448, 448),
        8,
        5e-5,
        (0.9, 0.999),
    )
    schedule = published.schedule_of_rate()
    epoch = 8498 / 8
    assert schedule.factor(int(9.99 * epoch)) == 1.0
    assert schedule.factor(int(10.01 * epoch)) == pytest.approx(0.1)
    assert published.steps == round(55 * epoch)
    assert published.augmentation().zoom_probability == 0


def test_options_change_a_recipe() -> None:
    changed = recipe("hrnet18", steps=7, crop_size=(64, 96), recursive=False)
    assert (changed.model, changed.steps, changed.crop_size, changed.recursive) == (
        "hrnet18",
        7,
        (64, 96),
        False,
    )
    assert changed.batch_size == 28


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate = 5e-4", "rate = 5e-4\nspeed = 3", "speed: no such field"),
        ("clip = 1.0", "", "clip: is missing"),
        ("batch_size = 8", 'batch_size = "eight"', 'batch_size: should be a valid integer, not "eight"'),
        ("batch_size = 8", "batch_size = 8.5", r"batch_size: should be a valid integer, .*not 8\.5"),
        ("batch_size = 8", "batch_size = true", "batch_size: should be a valid integer, not true"),
        ("betas = [0.9, 0.999]", "betas = [0.9]", r"betas\.1: is missing"),
        ('schedule = "cosine"', 'schedule = "saw"', "schedule: should be 'cosine', 'step' or 'stable', not"),
        ("recursive = true", "recursive = 1", "recursive: should be a valid boolean, not 1"),
        ("batch_size = 8", "batch_size = 0", "batch_size: should be greater than or equal to 1, not 0"),
        ("average = 0.999", "average = 1.0", r"average: should be less than 1, not 1\.0"),
        (
            "resize = [0.6, 1.5]",
            "resize = [1.5, 0.6]",
            r"resize = \[1\.5, 0\.6\]: must be two numbers above 0",
        ),
        ("decay_steps = 0", "decay_steps = 9", "decay_steps = 9: must be 0 unless schedule is 'stable'"),
        ('schedule = "cosine"', 'schedule = "step"', r"step_at = \[\]: must be the steps at which"),
        ("clip = 1.0", "clip = ", "is no TOML"),
    ],
)
def test_a_recipe_that_is_none_is_refused_in_one_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (FOLDER / "lite0.toml").read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(OptionError, match=message) as caught:
        recipe(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="recipe 'alexnet' does not exist: choose from hrnet18, lite0"):
        recipe("alexnet")
    with pytest.raises(OptionError, match="cannot be read: there is no such file"):
        recipe(str(tmp_path / "none.toml"))

"""docs/settings.md says what the specifications say, and its examples can be used as they stand."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import actors.specs
from actors.specs.label import LabelSpec
from actors.specs.leaves import leaves_of
from actors.specs.train import TrainSpec
from pipelines.cli import app
from pipelines.commands.config_file import read_config_file
from pipelines.commands.models import TRAIN
from pipelines.commands.spec_command import SpecCommand
from tests.settings_page import BEGIN, END, PAGE, SPECS, examples, page_with_tables

TEXT = PAGE.read_text()
LABEL_TOML, TRAIN_TOML = examples(TEXT)


def test_its_tables_are_those_of_the_specifications() -> None:
    assert page_with_tables(TEXT) == TEXT, "run: python -m tests.settings_page"


@pytest.mark.parametrize("broken", ["", f"{END}{BEGIN}", f"{BEGIN}{END}{END}", f"{BEGIN}{BEGIN}{END}"])
def test_a_page_without_its_markers_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match="each once and in this order"):
        page_with_tables(broken)


def test_it_has_every_command_that_takes_settings() -> None:
    commands: Any = getattr(typer.main.get_command(app), "commands")  # noqa: B009  # of a group
    with_config = {
        name for name, command in commands.items() if any(one.name == "config" for one in command.params)
    }
    assert set(SPECS) == with_config


def test_it_has_every_specification() -> None:
    modules = (
        importlib.import_module(f"actors.specs.{one.name}")
        for one in pkgutil.iter_modules(actors.specs.__path__)
    )
    found = {
        kind
        for module in modules
        for name, kind in vars(module).items()
        if name.endswith("Spec") and dataclasses.is_dataclass(kind)
    }
    assert set(SPECS.values()) == found


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_setting_says_what_it_is_for(spec: type[Any]) -> None:
    assert [leaf.name for leaf in leaves_of(spec) if not leaf.help] == []


@pytest.mark.parametrize(("text", "spec"), [(LABEL_TOML, LabelSpec), (TRAIN_TOML, TrainSpec)])
def test_its_examples_hold_settings_only(text: str, spec: type[Any], tmp_path: Path) -> None:
    file = tmp_path / "example.toml"
    file.write_text(text)
    found = {leaf.name: value for leaf, value in read_config_file(file, leaves_of(spec))}
    assert len(found) >= 8
    assert found["workers.count"] in {"2:16", "4"}


def assembled(command: SpecCommand, file: Path) -> Any:
    seen: list[Any] = []

    def run(spec: Any) -> None:
        """Take it."""
        seen.append(spec)

    one = typer.Typer()
    command.add_to(one, run)
    result = CliRunner().invoke(one, ["--config", str(file)])
    assert result.exit_code == 0, result.output
    (spec,) = seen
    return spec


def test_the_examples_are_whole_commands(tmp_path: Path) -> None:
    for name, text in (("label.toml", LABEL_TOML), ("train.toml", TRAIN_TOML)):
        (tmp_path / name).write_text(text)
    label: LabelSpec = assembled(SpecCommand(LabelSpec, ""), tmp_path / "label.toml")
    assert (label.out, label.network.zoom_size, label.clicks.max_clicks) == ("s3://bucket/masks", 320, "all")
    train: TrainSpec = assembled(TRAIN, tmp_path / "train.toml")
    assert train.datasets == ("s3://bucket/voc:2", "s3://bucket/coco:1")
    assert (train.recipe.steps, train.recipe.crop_size, train.recipe.clip) == (8000, (192, 192), 1.0)
    assert (train.checkpoints.keep, train.validation.every, train.workers.loader_workers) == (3, 500, 2)

"""A configuration file: every setting by its section and name, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from actors.specs.flywheel import FlywheelSpec
from actors.specs.label import LabelSpec
from actors.specs.leaves import leaves_of, value_of
from actors.specs.train import TrainSpec
from pipelines.commands.config_file import read_config_file
from pipelines.commands.flywheel import FLYWHEEL
from pipelines.commands.models import TRAIN
from pipelines.commands.spec_command import SpecCommand
from pipelines.errors import OptionError
from tests.specs import flywheel_spec, label_spec, train_spec


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def read(file: Path, text: str, spec: type[Any] = LabelSpec) -> dict[str, Any]:
    file.write_text(text)
    return {leaf.name: value for leaf, value in read_config_file(file, leaves_of(spec))}


def filled(command: SpecCommand, *line: str) -> Any:
    """The specification that a command makes of a line."""
    seen: list[Any] = []

    def run(spec: Any) -> None:
        """Take it."""
        seen.append(spec)

    app = typer.Typer()
    command.add_to(app, run)
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    (spec,) = seen
    return spec


@pytest.mark.parametrize("text", ["[clicks]", "[clicks]\n# max_clicks = 3\n[model]", "clicks = {}", ""])
def test_a_section_may_be_empty(file: Path, text: str) -> None:
    assert read(file, text) == {}


@pytest.mark.parametrize("text", ["clicks = 3", "[[clicks]]\nmax_clicks = 3"])
def test_what_is_a_section_is_told_to_be_one(file: Path, text: str) -> None:
    with pytest.raises(
        OptionError, match=r"clicks is a section: write \[clicks\], and its settings below it$"
    ):
        read(file, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1]", "holds no JSON object: give settings by their names"), ("{", "is no JSON: ")],
)
def test_a_json_file_holds_an_object(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        read(tmp_path / "carried.json", text)


def test_sections_are_tables_and_values_are_those_of_toml(file: Path) -> None:
    text = """
    out = "run"
    limits.max_errors = 1  # a whole number is a number
    [model]
    options = ["checkpoint=a", "mode=b"]
    [clicks]
    max_clicks = 7
    target_iou = "none"
    [network]
    flip = "off"
    """
    assert read(file, text) == {
        "out": "run",
        "limits.max_errors": 1.0,
        "model.options": ("checkpoint=a", "mode=b"),
        "clicks.max_clicks": 7,
        "clicks.target_iou": "none",
        "network.flip": "off",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", "sed is no setting of this command (did you mean seed?)"),
        (
            "[network]\nzoomsize = 64",
            "network.zoomsize is no setting of this command (did you mean network.zoom_size?)",
        ),
        ("zoom_size = 64", "zoom_size is no setting of this command"),
        ("[networks.deep]\nflip = 1", "networks.deep.flip is no setting of this command"),
        ("network = 3", "network is a section: write [network]"),
        ("[nothing]", "nothing is no setting of this command"),
        (
            "[network]\nzoom_size = '64'",
            "network.zoom_size should be a valid integer or should be 'model', not \"64\"",
        ),
        ("[network]\nflip = true", "network.flip should be 'on', 'off' or 'auto', not true"),
        ("[network]\nzoom = 1", "network.zoom should be a valid boolean, not 1"),
        (
            "[network]\nprecision = 'FP16'",
            "network.precision should be 'fp32', 'tf32', 'bf16', 'fp16' or 'int8', not \"FP16\"",
        ),
        ("[limits]\nmax_errors = nan", "limits.max_errors should be a finite number, not NaN"),
        ("[limits]\nmax_errors = 1.5", "limits.max_errors should be less than or equal to 1, not 1.5"),
        ("[seed]\nvalue = 1", 'seed should be a valid integer, not {"value": 1}'),
        ("seed = 2026-11-28", "seed = 2026-11-28: no setting is a date or a time"),
        ("dataset = 2026-11-28", "dataset = 2026-11-28: no setting is a date or a time"),
        ("[model]\noptions = 'a=b'", 'model.options should be a valid array, not "a=b"'),
    ],
)
def test_what_is_no_setting_or_no_value_of_it_is_refused_by_name(file: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        read(file, text)
    assert str(caught.value).startswith(f"{file}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"seed 1", b"seed = 1\nseed = 2", b"\xff\xfes", b"[network"])
def test_what_is_no_toml_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(OptionError, match=r"mine\.toml is no TOML: "):
        read_config_file(file, leaves_of(LabelSpec))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="nowhere cannot be read: No such file"):
        read_config_file(tmp_path / "nowhere", leaves_of(LabelSpec))
    with pytest.raises(OptionError, match="cannot be read: Is a directory"):
        read_config_file(tmp_path, leaves_of(LabelSpec))


def test_text_of_a_file_is_utf_8(file: Path) -> None:
    file.write_bytes('out = "Läufe/✓"'.encode())
    ((leaf, value),) = read_config_file(file, leaves_of(LabelSpec))
    assert (leaf.name, value) == ("out", "Läufe/✓")


PUT_ASIDE = {"recipe.steps", "recipe.model", "recipe.frozen_statistics"}  # of a flywheel


def toml_of(spec: Any) -> str:
    """Every setting that a file may have, in TOML; what is None is left out."""
    lines = []
    for one in leaves_of(type(spec)):
        value = value_of(spec, one)
        put_aside = isinstance(spec, FlywheelSpec) and one.name in PUT_ASIDE
        if value is not None and not one.is_spoken and not put_aside:
            shown = (
                str(value).lower()
                if isinstance(value, bool)
                else repr(list(value) if isinstance(value, tuple) else value)
            )
            lines.append(f"{one.name} = {shown}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("command", "spec"),
    [
        (
            SpecCommand(LabelSpec, ""),
            label_spec(
                "/d", "/r", "lite0", max_clicks=3, zoom_size=64, modulation="paper", workers="2:3", flip="off"
            ),
        ),
        (TRAIN, train_spec(("/a:2", "/b"), "/r", rate=1e-3, crop_size=(64, 96), step_at=(3, 4), every=7)),
        (
            FLYWHEEL,
            flywheel_spec(
                unlabelled="/a", train_on=("/b", "/c"), evaluation="/d", out="/e", clip=2.0, batch_size=3
            ),
        ),
    ],
    ids=["label", "train", "flywheel"],
)
def test_a_file_can_say_all_of_a_command(file: Path, command: SpecCommand, spec: Any) -> None:
    file.write_text(toml_of(spec))
    assert filled(command, "--config", str(file)) == spec


def test_an_option_goes_before_the_file_and_the_file_before_the_recipe(file: Path) -> None:
    file.write_text("[recipe]\nrate = 0.25\nsteps = 7\nschedule = 'stable'\n")
    line = ["data", "--out", "run", "--config", str(file)]
    spec: TrainSpec = filled(TRAIN, *line, "--steps", "9")
    assert (spec.recipe.rate, spec.recipe.steps, spec.recipe.schedule) == (0.25, 9, "stable")
    assert spec.recipe.batch_size == 8
    last: TrainSpec = filled(TRAIN, "--rate", "0.5", *line)
    assert last.recipe.rate == 0.5


def test_paths_of_a_file_are_read_as_those_of_options_are(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file.write_text(
        'unlabelled = "~/a"\ntrain_on = ["~/b"]\nclicks.source = "logged:~/c.jsonl"\nmodel.name = "lite0"'
    )
    spec: FlywheelSpec = filled(FLYWHEEL, "--config", str(file), "--evaluation", "e", "--out", "o")
    assert (spec.unlabelled, spec.train_on) == (f"{tmp_path}/a", (f"{tmp_path}/b",))
    assert spec.clicks.source == f"logged:{tmp_path}/c.jsonl"

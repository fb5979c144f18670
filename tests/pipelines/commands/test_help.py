"""What the command line says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import get_args

import pytest
from typer.testing import CliRunner

from infra.layout_options import LayoutName
from infra.layouts import LAYOUTS
from pipelines.cli import app
from tests.pipelines.commands.replaced_jobs import mfp

COMMANDS = (
    "shard",
    "label",
    "evaluate",
    "report",
    "verify",
    "calibrate",
    "certify",
    "train",
    "convert",
    "models",
    "check-model",
    "bench",
    "flywheel",
    "submit",
    "jobs",
    "status",
    "logs",
    "stop",
)


def test_help_imports_no_torch_ray_or_arrow() -> None:
    code = (
        "import sys; sys.argv = ['mfp', '--help']\n"
        "from pipelines.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'pyarrow', 'cv2', 'boto3', 'numpy', 'timm'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_costs_less_than_twice_what_typer_costs_by_itself() -> None:
    bare = (
        "import typer; app = typer.Typer()\n"
        "@app.command()\ndef first(size: int = 1) -> None: ...\n"
        "@app.command()\ndef second(size: int = 1) -> None: ...\n"
        "app(['--help'])"
    )
    ours = "from pipelines.cli import app; app(['--help'])"
    ratios = []
    for _ in range(5):
        of_typer = processor_seconds(bare)
        ratios.append(processor_seconds(ours) / of_typer)
    assert median(ratios) < 2


def processor_seconds(code: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


# the two names of some flags of recipes are longer than that
@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in {"train", "flywheel"}])
def test_the_help_of_a_command_is_whole_in_80_columns(command: str) -> None:
    words = {**os.environ, "COLUMNS": "80", "TERMINAL_WIDTH": "80"}
    line = [sys.executable, "-m", "pipelines", command, "--help"]
    shown = subprocess.run(line, check=True, capture_output=True, text=True, env=words).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "\u2026" not in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert f" {command} " in mfp("--help").output
    result = mfp(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_layouts_offered_are_the_layouts_there_are() -> None:
    assert set(get_args(LayoutName)) == set(LAYOUTS)


def test_the_module_runs_as_the_command_does() -> None:
    command = [sys.executable, "-m", "pipelines", "label"]
    environment = os.environ | {"COLUMNS": "80"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 2
    assert "Missing argument 'DATASET'" in result.stderr


def test_the_version_is_that_of_the_package() -> None:
    assert mfp("--version").output == f"mfp {version('mfp-pipeline')}\n"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("mfp eval", {"evaluate"}),
        ("mfp evaluate data --model li", {"lite0"}),
        ("mfp shard photos shards --layout c", {"coco"}),
        ("mfp train data --recipe vit", {"vit_b_cocolvis", "vit_b_sbd"}),
        ("mfp train data --model res", {"resnet34"}),
    ],
)
def test_a_shell_completes_commands_models_layouts_and_recipes(typed: str, expected: set[str]) -> None:
    words = {"_MFP_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    result = CliRunner().invoke(app, [], prog_name="mfp", env=words)
    assert set(result.output.split()) == expected


@pytest.mark.parametrize(
    "line",
    [
        "evaluate {tmp} --out {tmp}/run --model lite00",
        "evaluate {tmp}/gone --out {tmp}/run --model lite0",
        "label {tmp} --out {tmp}/run --model lite0 --clicks logged:{tmp}/gone.jsonl",
        "train {tmp} --out {tmp}/run --model lite00",
        "train {tmp} --out {tmp}/run --recipe lite00",
        "train {tmp} --out {tmp}/run --crop-size large",
        "flywheel {tmp} --train-on {tmp} --evaluation {tmp} --out {tmp}/w --model lite00",
        "submit label /data --out /run --model lite00",
        "check-model lite00",
        "verify {tmp}/gone",
        "compare {tmp}/gone {tmp}/gone",
        "convert {tmp}/gone.pth {tmp}/out.safetensors",
        "convert {tmp} {tmp}/out.pth",
    ],
)
def test_what_is_mistyped_is_told_before_torch_ray_or_arrow_are_loaded(line: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.argv = ['mfp', *{line.format(tmp=tmp_path).split()!r}]\n"
        "from pipelines.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as left: assert left.code in {1, 2}, left.code\n"
        "heavy = {'torch', 'ray', 'pyarrow', 'cv2', 'boto3', 'numpy', 'timm'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

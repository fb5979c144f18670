"""What the command line says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import get_args

import pytest

from infra.layouts import LAYOUTS
from pipelines.commands.options import LayoutName
from tests.pipelines.commands.replaced_jobs import mfp

COMMANDS = (
    "shard",
    "label",
    "evaluate",
    "report",
    "verify",
    "train",
    "convert",
    "models",
    "flywheel",
    "submit",
    "jobs",
    "status",
    "logs",
    "stop",
)


def test_help_answers_within_half_a_second_without_torch_ray_or_arrow() -> None:
    code = (
        "import sys; sys.argv = ['mfp', '--help']\n"
        "from pipelines.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'pyarrow', 'cv2', 'boto3', 'numpy', 'timm'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    seconds = []
    for _ in range(3):
        before = os.times()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)
        after = os.times()
        # processor time: what a person waits for on a machine that is not busy with something else
        seconds.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    assert min(seconds) < 0.5


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert f" {command} " in mfp("--help").output
    result = mfp(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_layouts_offered_are_the_layouts_there_are() -> None:
    assert set(get_args(LayoutName)) == set(LAYOUTS)


def test_the_module_runs_as_the_command_does() -> None:
    command = [sys.executable, "-m", "pipelines.cli", "label"]
    environment = os.environ | {"COLUMNS": "80"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)
    assert result.returncode == 2
    assert "Missing argument 'DATASET'" in result.stderr

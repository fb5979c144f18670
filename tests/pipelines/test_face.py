"""The public names: all there, none loaded before it is used, and nothing heavy with the specifications."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys

import pytest

import pipelines
from pipelines import api, face
from tests.settings_page import SPECS

HEAVY = ["torch", "ray", "pyarrow", "numpy", "cv2", "pydantic"]


def loaded_by(line: str) -> list[str]:
    """Which of the heavy libraries, and of our own files, a fresh interpreter has loaded after a line."""
    script = (
        f"import sys\n{line}\nprint(*[name for name in {[*HEAVY, 'pipelines.face']} if name in sys.modules])"
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.parametrize("name", face.__all__)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(pipelines, name)
    assert value is getattr(face, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__, "and says what it is"


def test_public_names_are_sorted_and_listed() -> None:
    assert sorted(set(face.__all__)) == face.__all__
    assert dir(pipelines) == face.__all__


def test_every_function_of_the_api_is_public() -> None:
    functions = {
        name
        for name, value in vars(api).items()
        if inspect.isfunction(value) and value.__module__ == api.__name__ and not name.startswith("_")
    }
    assert functions <= set(face.__all__)


@pytest.mark.parametrize(
    "name", ["shard", "label", "evaluate", "train", "flywheel", "verify", "export", "bench"]
)
def test_the_specification_of_a_function_is_public_with_all_of_its_sections(name: str) -> None:
    public = {value for name in face.__all__ if inspect.isclass(value := getattr(face, name))}
    assert inspect.signature(getattr(api, name)).parameters["spec"].annotation == SPECS[name].__name__
    assert sections_of(SPECS[name]) <= public


def sections_of(spec: type) -> set[type]:
    """A specification, and every dataclass that one of its fields has as default."""
    defaults = [
        field.default for field in dataclasses.fields(spec) if dataclasses.is_dataclass(field.default)
    ]
    return {spec}.union(*(sections_of(type(default)) for default in defaults))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import pipelines") == []


def test_specifications_are_made_without_anything_heavy() -> None:
    line = "from pipelines import LabelSpec, ModelChoice; LabelSpec(dataset='d', out='r', model=ModelChoice('m'))"
    assert loaded_by(line) == ["pipelines.face"]


@pytest.mark.parametrize("name", ["nothing", "api_", "Leaf", "_no_progress"])
def test_another_name_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'pipelines' has no attribute {name!r}"):
        getattr(pipelines, name)
    with pytest.raises(ImportError, match=f"cannot import name '{name}'"):
        exec(f"from pipelines import {name}")

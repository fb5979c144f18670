"""Imports go one way: between the four rooms, and between the shelves of a room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What the files of a place, or a shelf and all below it, may know of the four rooms beside themselves.
_METHOD_AND_BYTES = ("mfp", "infra")
_PLAIN = ("infra.errors", "infra.json_text", "infra.rle", "infra.strict_json")
KNOWN = {
    "mfp": (),
    "infra/*.py": ("infra",),
    "infra/storage": ("infra.errors",),
    "infra/shards": (*_PLAIN, "infra.storage"),
    "infra/layouts": (*_PLAIN, "infra.layout_options", "infra.storage", "infra.shards"),
    "infra/runs": (*_PLAIN, "infra.storage", "infra.shards"),
    "infra/starts": (
        *_PLAIN,
        "infra.exports.own_files",
        "infra.layout_options",
        "infra.layouts",
        "infra.runs",
        "infra.shards",
        "infra.storage",
    ),
    "infra/click_logs": (*_PLAIN, "infra.layouts.coco_names", "infra.storage", "infra.shards", "infra.runs"),
    "infra/exports": (*_PLAIN, "infra.storage", "infra.runs"),
    "infra/imports": (
        *_PLAIN,
        "infra.exports",
        "infra.layouts",
        "infra.shards",
        "infra.storage",
    ),
    "actors/*.py": (*_METHOD_AND_BYTES, "actors"),
    "actors/labelling": (
        "actors.click_models",
        *_METHOD_AND_BYTES,
        "actors.errors",
        "actors.ray_session",
        "actors.specs",
        "actors.stop_request",
        "actors.working_size",
    ),
    "actors/specs": (*_METHOD_AND_BYTES, "actors.errors", "actors.working_size"),
    "actors/click_models": (*_METHOD_AND_BYTES, "actors.errors", "actors.specs"),
    "actors/training": (*_METHOD_AND_BYTES, "actors"),
    "pipelines/*.py": (*_METHOD_AND_BYTES, "actors", "pipelines"),
    "pipelines/inputs": (*_METHOD_AND_BYTES, "actors", "pipelines.errors"),
    "pipelines/benchmarks": (*_METHOD_AND_BYTES, "actors", "pipelines"),
    "pipelines/jobs": (*_METHOD_AND_BYTES, "actors", "pipelines"),
    "pipelines/views": (*_METHOD_AND_BYTES, "pipelines"),
    "pipelines/commands": (*_METHOD_AND_BYTES, "actors", "pipelines"),
}
# And what they may not, though it lies in what they may.
UNKNOWN = {
    "actors/*.py": ("actors.click_models", "actors.labelling", "actors.training"),
    "pipelines/*.py": ("pipelines.cli", "pipelines.commands", "pipelines.views"),
    "pipelines/benchmarks": ("pipelines.cli", "pipelines.commands", "pipelines.views"),
    "pipelines/jobs": ("pipelines.cli", "pipelines.commands", "pipelines.views"),
    "pipelines/views": ("pipelines.cli", "pipelines.commands", "pipelines.inputs"),
    "pipelines/commands": ("pipelines.cli",),
}
# The command line's entry are files of the room that stand above all its shelves.
ENTRY = {"pipelines/__main__.py", "pipelines/cli.py"}

# The method opens no files and knows no cluster; bytes need no networks.
FOREIGN = {
    "mfp": ("ray", "boto3", "botocore", "s3fs", "fsspec", "pyarrow"),
    "infra": ("ray", "torch", "torchvision", "timm"),
}


def files_of(place: str) -> list[Path]:
    found = ROOT.glob(place) if place.endswith(".py") else (ROOT / place).rglob("*.py")
    return [path for path in found if str(path.relative_to(ROOT)) not in ENTRY]


def imported(source: str) -> Iterator[str]:
    """Every module that a file imports, also inside functions, and every name it takes from one, dotted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def lies_in(module: str, places: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{place}.") for place in places)


def known(module: str, place: str) -> bool:
    """Whether a file of the place may import a module; modules from outside the project are not judged here."""
    if not lies_in(module, ("pipelines", "actors", "infra", "mfp")):
        return True
    itself = () if place.endswith(".py") else (place.replace("/", "."),)
    return lies_in(module, (*itself, *KNOWN[place])) and not lies_in(module, UNKNOWN.get(place, ()))


@pytest.mark.parametrize("place", KNOWN)
def test_a_shelf_knows_only_what_stands_below_it(place: str) -> None:
    files = files_of(place)
    assert files
    for path in files:
        wrong = [module for module in imported(path.read_text()) if not known(module, place)]
        assert wrong == [], path


@pytest.mark.parametrize("room", FOREIGN)
def test_a_room_leaves_alone_the_libraries_of_another(room: str) -> None:
    for path in files_of(room):
        wrong = [module for module in imported(path.read_text()) if lies_in(module, FOREIGN[room])]
        assert wrong == [], path


def test_every_file_stands_in_a_place_that_has_a_rule() -> None:
    with_rule = {path for place in KNOWN for path in files_of(place)}
    for room in ("pipelines", "actors", "infra", "mfp"):
        assert set(files_of(room)) <= with_rule


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("import pipelines.jobs.label", "actors/*.py"),
        ("def late():\n    from pipelines import train", "pipelines/inputs"),
        ("from infra import rle", "mfp"),
        ("from infra import training_driver", "infra/storage"),
        ("from infra.runs import commit", "infra/shards"),
        ("from actors.labelling.worker import LabelWorker", "actors/*.py"),
        ("from pipelines.views.report import ReportView", "pipelines/jobs"),
        ("from actors.labelling.job import LabelJob", "actors/specs"),
        ("from actors.labelling.worker import LabelWorker", "actors/click_models"),
        ("from pipelines.views.report import ReportView", "pipelines/*.py"),
    ],
)
def test_the_rules_see_imports_that_point_upwards(source: str, place: str) -> None:
    assert [known(module, place) for module in imported(source)] == [False]

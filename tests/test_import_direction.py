"""Imports go one way: between the four rooms, and between the shelves of a room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("pipelines", "actors", "infra", "mfp")

# What each shelf may not know: what stands above it, or beside it.
FORBIDDEN = {
    "mfp": ("infra", "actors", "pipelines", "ray", "boto3", "s3fs", "fsspec"),
    "infra": ("mfp", "actors", "pipelines", "ray", "torch", "timm"),
    "infra/storage": ("infra.shards", "infra.layouts", "infra.runs"),
    "infra/shards": ("infra.layouts", "infra.runs"),
    "infra/layouts": ("infra.runs",),
    "infra/runs": ("infra.layouts",),
    "actors": ("pipelines",),
    "actors/labelling": ("actors.training",),
    "pipelines/inputs": ("pipelines.commands", "pipelines.views", "pipelines.flywheel"),
    "pipelines/flywheel": ("pipelines.commands", "pipelines.views"),
    "pipelines/views": ("pipelines.commands", "pipelines.inputs", "actors"),
}


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


@pytest.mark.parametrize("shelf", FORBIDDEN)
def test_a_shelf_knows_nothing_of_what_stands_above_it(shelf: str) -> None:
    files = list((ROOT / shelf).rglob("*.py"))
    assert files
    wrong = {
        str(path.relative_to(ROOT)): names
        for path in files
        if (names := [name for name in imported(path.read_text()) if lies_in(name, FORBIDDEN[shelf])])
    }
    assert wrong == {}


def test_jobs_are_known_to_nobody_below_them() -> None:
    """A job is a file at the top of `pipelines/`: `inputs` serves jobs and imports none of them."""
    jobs = {path.stem for path in (ROOT / "pipelines").glob("*.py")} - {"__init__", "errors", "options"}
    places = tuple(f"pipelines.{job}" for job in jobs)
    for path in (ROOT / "pipelines/inputs").glob("*.py"):
        assert [name for name in imported(path.read_text()) if lies_in(name, places)] == [], path


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import infra.storage.files", True),
        ("def late():\n    from infra import rle", True),
        ("from infra import rle", True),
        ("import infrastructure", False),
        ("from mfp.clicks import Click", False),
    ],
)
def test_the_search_sees_every_way_to_import(source: str, found: bool) -> None:
    assert any(lies_in(name, ("infra",)) for name in imported(source)) == found

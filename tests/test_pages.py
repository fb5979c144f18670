"""What the pages say of files, options and settings is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from pipelines.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]


def options_of(command: str) -> set[str]:
    commands: Any = getattr(typer.main.get_command(app), "commands")  # noqa: B009  # of a group
    if command not in commands:
        return set()
    parameters = commands[command].params
    return {name for one in parameters for name in (*one.opts, *one.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"\b((?:mfp|infra|actors|pipelines|tests)/[\w/]+\.\w+)", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_on_a_page_have_the_options_that_they_are_given(page: Path) -> None:
    unknown = []
    for block in re.findall(r"^```\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        lines = [line.partition("  #")[0] for line in block.replace("\\\n", " ").splitlines()]
        for call in (f"mfp {part}" for line in lines for part in re.split(r"\bmfp (?=[a-z])", line)[1:]):
            _, command, *rest = call.replace("mfp submit ", "mfp ").split()
            known = options_of(command) | ({"--address"} if "mfp submit" in call else set())
            given = [part for part in rest if part.startswith("--")]
            unknown += [(call, option) for option in given if options_of(command) and option not in known]
    assert unknown == []

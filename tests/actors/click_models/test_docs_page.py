"""What docs/click_models.md shows runs as it says."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from actors.click_models.installed import GROUP
from tests.pipelines.commands.replaced_jobs import mfp

PAGE = Path(__file__).parents[3] / "docs/click_models.md"


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The place of the page's factory, whose file lies on the import path."""
    (tmp_path / "bright_clicks.py").write_text(block("python"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "bright_clicks", raising=False)
    (place,) = tomllib.loads(block("toml"))["project"]["entry-points"][GROUP].values()
    return f"python:{place}"


def test_its_toy_keeps_every_promise(named: str) -> None:
    assert f"mfp check-model {named} --trust-model-code" in PAGE.read_text()
    result = mfp("check-model", named, "--trust-model-code", "--model-option", "reach=60", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["title"] == "bright clicks"


def test_its_links_lead_to_pages(named: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text())
    assert len(links) == 3
    assert all((PAGE.parent / link).is_file() for link in links)

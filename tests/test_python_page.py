"""docs/python.md: its examples run as they stand, and its tables have the columns of the run's tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from infra.runs.tables import CLICKS, ERRORS, MASKS, TableKind

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "python.md").read_text()
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_its_examples_run_and_print_nothing(
    ray_cluster: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "demo").symlink_to(ROOT / "demo")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    for block in BLOCK.finditer(PAGE):
        line = PAGE.count("\n", 0, block.start(1))  # so that a traceback has the line of the page
        exec(compile("\n" * line + block[1], "docs/python.md", "exec"), namespace)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("kind", [MASKS, CLICKS, ERRORS], ids=lambda kind: kind.name)
def test_its_tables_have_the_columns_of_the_run(kind: TableKind[Any]) -> None:
    _, _, rest = PAGE.partition(f"\n| {kind.name} | type | what it is |\n|---|---|---|\n")
    table, _, _ = rest.partition("\n\n")
    rows = [line.split("|") for line in table.splitlines()]
    columns = {name: row[2] for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    assert list(columns) == kind.schema.names
    for field in kind.schema:
        name = str(field.type).partition("<")[0].replace("double", "float64")
        assert re.match(rf" {name}\b", columns[field.name]), field.name
        assert ("or null" in columns[field.name]) == field.nullable, field.name

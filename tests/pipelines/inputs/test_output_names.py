"""A page or picture is not written over what has another name, such as a run whose page was left out of the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import OptionError
from pipelines.inputs.output_names import check_page_name, check_picture_name


@pytest.mark.parametrize(
    ("check", "out"),
    [
        (check_page_name, "runs/new"),
        (check_page_name, "s3://bucket/run/run.json"),
        (check_page_name, "page.png"),
        (check_picture_name, "strip.jpg"),
        (check_picture_name, "png"),
    ],
)
def test_another_name_is_refused(check: Callable[[str], None], out: str) -> None:
    with pytest.raises(OptionError, match=f"{out}: the name of a (page|picture) ends in"):
        check(out)


def test_names_of_pages_and_pictures_are_taken() -> None:
    for out in ("a.html", "s3://bucket/A.HTML", "b.htm"):
        check_page_name(out)
    for out in ("strip.png", "STRIP.PNG"):
        check_picture_name(out)


@pytest.mark.parametrize(
    "command", [("report", "new", "--html"), ("compare", "new", "--html"), ("show", "new", "key", "--out")]
)
def test_a_command_that_lacks_its_file_writes_over_no_run(tmp_path: Path, command: tuple[str, ...]) -> None:
    run = tmp_path / "run.json"
    run.write_text("{}")
    told = CliRunner().invoke(app, [*command, str(run)])
    assert told.exit_code == 1
    assert told.stderr.startswith(f"mfp: {run}: the name of a p")
    assert len(told.stderr.splitlines()) == 1
    assert run.read_text() == "{}"

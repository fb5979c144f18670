"""Every command of the page on click logs reads the file that the page shows."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from tests.infra.click_logs.written_logs import clicks_of, read

PAGE = (Path(__file__).parents[3] / "docs/click_logs.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in PAGE.splitlines() if line.startswith("mfp label DATA --out")]
SHOWN = re.findall(r"^```(?:csv|json|xml)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
TWO = [(120.5, 88.0, True), (180.0, 90.0, False)]
CLICKS = {
    "clicks.csv": {("cats/1", "left cat"): TWO},
    "own.csv": {("cats/1", "left cat"): [*TWO, (40.0, 61.0, True)]},
    "s3://bucket/clicks/": {("cats/1", "1"): [(25.1, 13.75, True)]},
    "project-2.json": {("cat", "cat"): [(25.0, 50.5, True)]},
    "annotations.xml": {("cats/1", "1"): [TWO[0], (40.0, 61.0, True), TWO[1]]},
    "person_keypoints.json": {("cats/1", "9"): TWO},
}


def values(command: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(command) if name == option]


@pytest.mark.parametrize(("command", "shown"), [*zip(COMMANDS, SHOWN, strict=True)])
def test_a_command_of_the_page_reads_what_is_shown(tmp_path: Path, command: list[str], shown: str) -> None:
    (url,) = values(command, "--clicks")
    url = url.removeprefix("logged:")
    (tmp_path / ("kim.jsonl" if url.endswith("/") else url)).write_text(shown, encoding="utf-8")
    log = read(
        str(tmp_path if url.endswith("/") else tmp_path / url),
        *values(command, "--click-column"),
        units=next(iter(values(command, "--click-units")), "auto"),  # type: ignore[arg-type]
        format=next(iter(values(command, "--click-format")), "auto"),  # type: ignore[arg-type]
    )
    assert clicks_of(log) == CLICKS[url]

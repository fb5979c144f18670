from __future__ import annotations

import pytest
from rich.table import Table

from pipelines.commands.terminal import print_result


def test_a_pipe_gets_long_cells_whole_and_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    url = "s3://bucket/" + "folder/" * 30
    table = Table("job", "run", box=None, pad_edge=False)
    table.add_row("job-1", url)
    print_result(table)
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["job", "run"]
    assert row.split() == ["job-1", url]


def test_plain_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_result("NoC " * 100)
    assert capsys.readouterr().out == "NoC " * 100 + "\n"

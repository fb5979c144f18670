"""Formats are told apart by themselves, or named; what an option says against a format is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.click_logs.formats import FORMATS
from infra.click_logs.options import ClickUnits, LogFormatName
from infra.errors import ClickLogError
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from tests.infra.click_logs.written_logs import GOOD, clicks_of, read, write_csv, write_lines, write_parquet
from tests.infra.requests import asked
from tests.infra.rows import click_row, commit_rows, mask_row

POINT = {"type": "keypointlabels", "value": {"x": 30, "y": 2.5, "keypointlabels": ["1"], "labels": []}}
TASKS = [{"data": {"image": "a.jpg"}, "annotations": [{"id": 1, "result": [POINT]}]}]
COCO = {
    "info": {"description": "keypoints"},
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "annotations": [{"id": 1, "image_id": 1, "keypoints": [30, 2.5, 2]}],
}
CVAT = '<annotations><image name="a.jpg"><points label="cat" points="30,2.5"/></image></annotations>'
TEXTS: dict[str, tuple[str, str]] = {
    "tasks.json": ("label-studio", json.dumps(TASKS)),
    "tasks.indented.json": ("label-studio", f"\ufeff\n{json.dumps(TASKS, indent=2)}"),
    "coco.json": ("coco-keypoints", json.dumps(COCO)),
    "coco.indented.json": ("coco-keypoints", json.dumps(COCO, indent=2)),
    "coco.large.json": ("coco-keypoints", json.dumps({"info": "x" * 10, **COCO, "end": "y" * 2**21})),
    "cvat.XML": ("cvat", CVAT),
    "lines.json": ("table", f"{json.dumps({**GOOD, 'annotations': 1})}\n"),
    "lines.jsonl": ("table", json.dumps(GOOD)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_tells_its_format(tmp_path: Path, name: str) -> None:
    expected, text = TEXTS[name]
    path = tmp_path / name
    path.write_text(text)
    units = FORMATS[expected].units
    if expected == "label-studio":
        text = text.replace('"1"', '"cat"')
        path.write_text(text)
    log = read(str(path))
    assert log.units == ("pixels" if units == "auto" else units)
    assert {click[0][0] for click in clicks_of(log).values()} == {2.5}


@pytest.mark.parametrize("name", TEXTS)
def test_a_folder_is_read_as_one_format(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TEXTS[name][1])
    assert read(str(tmp_path)).num_clicks == 1
    other = "b.csv" if TEXTS[name][0] != "table" else "b.xml"
    (tmp_path / other).write_text(CVAT)
    with pytest.raises(ClickLogError, match=r" is of format .*: put them into folders of their own, or name"):
        read(str(tmp_path))


def test_the_format_that_is_named_is_the_one_that_is_read(tmp_path: Path) -> None:
    write_csv(tmp_path / "b.csv", [GOOD])
    (tmp_path / "a.xml").write_text(CVAT)
    log = read(str(tmp_path), format="cvat")
    assert list(clicks_of(log)) == [("a", "cat")]
    assert [notice.split("click log ")[1].removeprefix(str(tmp_path)) for notice in log.notices] == [
        ": 1 other files are not read (b.csv): files of format cvat end in .xml, and no folder in the folder is "
        "looked into"
    ]
    assert list(clicks_of(read(str(tmp_path), format="table"))) == [("a/1", "1")]
    (tmp_path / "a.xml").rename(tmp_path / "export")
    assert list(clicks_of(read(str(tmp_path / "export"), format="cvat"))) == [("a", "cat")]


@pytest.mark.parametrize(
    ("name", "named", "message"),
    [
        ("coco.json", "label-studio", "coco.json is {.*: it must be a list"),
        ("tasks.json", "coco-keypoints", "tasks.json is .*: it must be a JSON object"),
        ("lines.jsonl", "coco-keypoints", "lines.jsonl has no lists `images` and `annotations`"),
        ("lines.jsonl", "cvat", r"lines.jsonl line 1 is no XML \("),
        ("coco.json", "table", r"coco.json line 1 has no field sample_key, "),
        ("cvat.XML", "table", "cvat.XML is no table: its name must end in .parquet, .jsonl, "),
    ],
)
def test_a_file_that_is_not_what_it_was_said_to_be_is_one_line(
    tmp_path: Path, name: str, named: LogFormatName, message: str
) -> None:
    (tmp_path / name).write_text(TEXTS[name][1])
    with pytest.raises(ClickLogError, match=message) as caught:
        read(str(tmp_path / name), format=named)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said", "other"),
    [
        ("tasks.json", "percent", "pixels"),
        ("cvat.XML", "pixels", "percent"),
        ("coco.json", "pixels", "normalised"),
    ],
)
def test_a_format_that_knows_its_units_takes_no_others(
    tmp_path: Path, name: str, said: ClickUnits, other: ClickUnits
) -> None:
    (tmp_path / name).write_text(TEXTS[name][1])
    assert read(str(tmp_path / name), units=said).units == said
    with pytest.raises(
        ClickLogError, match=f"--click-units {other}: .* which is in {said}: leave the option out"
    ):
        read(str(tmp_path / name), units=other)
    with pytest.raises(
        ClickLogError, match=r"--click-column x=px: .* which has no columns: leave the option out"
    ):
        read(str(tmp_path / name), "x=px")


def test_a_run_is_read_as_it_is(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path / "run"), Storage())
    run.open(asked())
    commit_rows(run, "s0.tar", "first", [mask_row("k", "1")], [click_row("k", "1", 0, shard="s0.tar")])
    assert read(run.url).units == "pixels"
    with pytest.raises(
        ClickLogError, match="is a run, whose columns and pixels are known: leave out --click-"
    ):
        read(run.url, units="percent")


def test_a_log_of_several_files_is_one_log(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [GOOD])
    write_csv(tmp_path / "b.csv", [{**GOOD, "click_idx": 2}])
    write_parquet(tmp_path / "c.parquet", [{**GOOD, "click_idx": 1, "is_foreground": False}])
    assert clicks_of(read(str(tmp_path))) == {("a/1", "1"): [(2.5, 3, True), (2.5, 3, False), (2.5, 3, True)]}

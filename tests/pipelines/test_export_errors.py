"""What a person can do wrong at an export: each is told in one line, with the value, the rule and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.errors import ExportError
from infra.exports.export_folder import ExportFolder
from infra.storage.files import Storage
from pipelines.cli import app
from tests.pipelines.exported_runs import write_data, write_run

COLUMNS = "give a condition on sample_key, object_id, height"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command runs, with some runs."""
    monkeypatch.chdir(tmp_path)
    write_data("data", ("a", "b/c", "d.e"))
    write_run("run", "data")
    write_run("half", "data", num_shards=1)
    write_run("none", "data", num_shards=0)
    Path("file").touch()
    Path("full").mkdir()
    Path("full/mine").touch()
    return tmp_path


def said(*arguments: str) -> str:
    """What the command prints last."""
    done = CliRunner().invoke(app, ["export", *arguments], env={"COLUMNS": "400"})
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    *progress, last = done.output.splitlines()
    assert all(line.startswith("export: ") for line in progress)
    return last


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nothing", "--to", "out"],
            "nothing is no run directory: it has no run.json; give what `mfp label` or",
        ),
        (["data", "--to", "out"], "data is no run directory: it has no run.json; give what `mfp label` or"),
        (
            ["none", "--to", "out"],
            "none has nothing to export: it is unfinished, and no shard that would go out",
        ),
        (
            ["run", "--to", "full"],
            "full is not empty (it holds full/mine): an export never replaces files; give another folder as --to",
        ),
        (
            ["run", "--to", "file"],
            "cannot list file: a file is where a folder has to be; give another folder as --to",
        ),
        (
            ["run", "--to", "file/below"],
            "cannot write file/below/unfinished.json: a file is where a folder has to be; give another folder as --to",
        ),
        (
            ["run", "--to", "x://y"],
            "cannot list x://y: fsspec cannot open this kind of URL (Protocol not known: x)",
        ),
        (
            ["run", "--to", "out", "--min-quality", "1"],
            "run has nothing to export: the filters leave out all of its 6 objects; loosen --min-quality or --where",
        ),
        (
            ["run", "--to", "out", "--where", "area > 1e9"],
            "run has nothing to export: the filters leave out all of its 6 objects; loosen --min-quality or --where",
        ),
        (["run", "--to", "out", "--where", "area >"], "--where 'area >': Parser Error: syntax error"),
        (
            ["run", "--to", "out", "--where", "size > 1"],
            "--where 'size > 1': Binder Error: Referenced column",
        ),
        (
            ["run", "--to", "out", "--where", "area > (SELECT 1 FROM read_csv('file'))"],
            "--where \"area > (SELECT 1 FROM read_csv('file'))\": Permission Error: Cannot access file",
        ),
        (
            ["run", "--to", "out", "--where", "sample_key"],
            "--where 'sample_key': Conversion Error: Could not",
        ),
        (
            ["run", "--to", "out", "--split", "val"],
            "--split val: no shard of the data set has that split in its path; give a text file (.txt) with one",
        ),
        (["run", "--to", "out", "--split", "no.txt"], "cannot read no.txt: there is no such file"),
        (
            ["run", "--to", "out", "--category", "kind"],
            "--category kind: no object that would go out has that attribute, nor has its sample; give one that they "
            "have (category, colour), or leave it out",
        ),
    ],
    ids=str,
)
def test_a_mistake_is_told_in_one_line(arguments: list[str], message: str, here: Path) -> None:
    line = said(*arguments, "--format", "coco")
    assert line.startswith(f"mfp: {message}")
    if "--where" in arguments and "Error" in message:
        assert COLUMNS in line
    assert not Path("out").exists() or list(Path("out").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "cocoo", "--to", "out"], "'cocoo' is not one of 'coco', 'lvis', 'yolo-seg'"),
        (["--to", "out"], "Missing option '--format'"),
        (["--format", "coco"], "Missing option '--to'"),
        (
            ["--format", "coco", "--to", "out", "--max-loss", "2"],
            "'--max-loss': Input should be less than or",
        ),
        (["--format", "coco", "--to", ""], "to is empty: give a path or URL"),
    ],
    ids=str,
)
def test_a_wrong_option_is_told_with_what_it_may_be(arguments: list[str], message: str, here: Path) -> None:
    done = CliRunner().invoke(app, ["export", "run", *arguments], env={"COLUMNS": "400"})
    assert done.exit_code == 2
    assert message in done.output
    assert not Path("out").exists()


def test_a_shard_that_is_gone_or_broken_is_named(here: Path) -> None:
    shard = sorted((here / "data").glob("*.tar"))[-1]
    shard.write_bytes(shard.read_bytes()[:3000])
    line = said("run", "--format", "coco", "--to", "out")
    assert f"shard {shard} is broken after 3000 bytes" in line
    assert "copy it again, or run mfp shard again" in line
    shard.unlink()
    assert said("run", "--format", "coco", "--to", "out") == (
        f"mfp: cannot read {shard}: there is no such file"
    )
    assert list(Path("out").iterdir()) == []


def test_one_of_two_exports_into_a_folder_is_refused(folder_url: str) -> None:
    storage, url = Storage(), f"{folder_url}/out"
    one, other = ExportFolder(storage, url), ExportFolder(storage, url)
    for folder in (one, other):
        folder.refuse_files()
    one.take()
    with pytest.raises(ExportError, match=r"there is .*unfinished\.json: another export .*give another"):
        other.take()
    with pytest.raises(ExportError, match="another export writes into this folder, or was killed"):
        other.refuse_files()
    one.call_whole({"summary": {}})
    assert [path.rpartition("/")[2] for path in storage.walk(url)] == ["export.json"]

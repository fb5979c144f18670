"""`--split` lets through the samples of shards with a split in their path, or those of a list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from actors.specs.export import ExportedMasks, ExportSpec
from pipelines.cli import app
from pipelines.errors import OptionError
from pipelines.jobs.export import Exported, run_export
from pipelines.views.export import summary_lines
from tests.pipelines.exported_runs import write_data, write_run

KEYS = {"train": ("a", "b/c"), "val": ("d", "e", "f")}


@pytest.fixture
def run(tmp_path: Path) -> str:
    for split, keys in KEYS.items():
        write_data(str(tmp_path / "data" / split), keys)
    return write_run(str(tmp_path / "run"), f"{tmp_path}/data/**/*.tar").url


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return tmp_path / "some.txt"


def exported(run: str, to: Path, split: Path | str, where: str = "") -> Exported:
    masks = ExportedMasks(split=str(split), where=where)
    return run_export(ExportSpec(run=run, format="coco", to=str(to), masks=masks))


def keys_in(to: Path) -> list[str]:
    images = json.loads((to / "annotations.json").read_text())["images"]
    return [image["sample_key"] for image in images]


@pytest.mark.parametrize("split", KEYS)
def test_a_name_chooses_the_shards_that_have_it_in_their_path(split: str, run: str, to: Path) -> None:
    found = exported(run, to, split)
    assert keys_in(to) == list(KEYS[split])
    assert (found.filtered, found.num_unmatched) == (0, 0)


def test_a_name_is_that_of_the_list_of_voc_and_the_files_of_datasets(run: str, tmp_path: Path) -> None:
    for name, file in (("voc", "ImageSets/Segmentation/val.txt"), ("datasets", "data/val-00000.parquet")):
        masks = ExportedMasks(split="val")
        run_export(ExportSpec(run=run, format=name, to=str(tmp_path / name), masks=masks))  # type: ignore[arg-type]
        assert (tmp_path / name / file).exists()


def test_a_name_that_no_shard_has_is_refused_with_those_that_there_are(run: str, to: Path) -> None:
    with pytest.raises(
        OptionError, match=r"^--split test: no shard .* give one of train, val, or a text file"
    ):
        exported(run, to, "test")
    assert not to.exists()


def test_a_list_chooses_samples_of_any_shard(run: str, to: Path, listed: Path) -> None:
    listed.write_text("\ufefff\r\n\nb/c\n", encoding="utf-8")
    found = exported(run, to, listed)
    assert keys_in(to) == ["b/c", "f"]
    assert (found.filtered, found.num_unmatched) == (0, 0)


def test_keys_that_no_sample_has_are_told_in_one_line(run: str, to: Path, listed: Path) -> None:
    listed.write_text("zz\nb/c\nB/C\nx\ny\nx\n")
    found = exported(run, to, listed)
    assert (found.num_unmatched, found.first_unmatched) == (4, ("zz", "B/C", "x"))
    assert "  no sample has 4 of the keys in the list: 'zz', 'B/C', 'x', ..." in summary_lines(found)
    summary = json.loads((to / "export.json").read_text())["summary"]
    assert (summary["unmatched"], summary["first_unmatched"]) == (4, ["zz", "B/C", "x"])


def test_a_key_whose_masks_the_filters_leave_out_is_one_of_a_sample(run: str, to: Path, listed: Path) -> None:
    listed.write_text("a\nd\n")
    found = exported(run, to, listed, where="sample_key = 'd'")
    assert (found.samples, found.num_unmatched) == (1, 0)


def test_a_list_of_which_no_sample_has_a_key_is_refused(run: str, to: Path, listed: Path) -> None:
    listed.write_text("A\nzz\n")
    done = CliRunner().invoke(
        app, ["export", run, "--format", "coco", "--to", str(to), "--split", str(listed)]
    )
    assert done.exit_code == 1
    assert f"none of the 2 keys in {listed}, the first of which is 'A', is that of a sample" in done.output
    assert not list(to.glob("*"))


def test_an_empty_list_is_refused(run: str, to: Path, listed: Path) -> None:
    listed.write_text("\n")
    with pytest.raises(OptionError, match="names no sample: write one sample key a line"):
        exported(run, to, listed)

"""Corrected labels come back into the reviews of the run that they came from, or nothing is written."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from actors.specs.export import ExportedMasks, ExportSpec
from actors.specs.import_labels import ImportLabelsSpec
from infra import rle
from infra.errors import LabelImportError, RunDirectoryError
from infra.exports.brush_rle import brush_rle
from infra.exports.format_names import Shape
from infra.runs.reviews import Imported, Review, ReviewMask, Reviews, Verdict, read_reviews
from infra.runs.run_directory import RunDirectory
from infra.storage.files import join
from pipelines.cli import app
from pipelines.jobs.export import run_export
from pipelines.jobs.import_labels import run_import_labels
from pipelines.jobs.imported_labels import ImportedLabels
from pipelines.views.import_labels import summary_lines
from tests.infra.exports.drawn_samples import exported_object
from tests.infra.imports.programs import FILES, submit
from tests.infra.rows import commit_rows, mask_row
from tests.infra.sample_factory import rectangle
from tests.pipelines.exported_runs import EMPTY, STORAGE, write_data, write_run

KEYS = ("a", "b/c", "d.e")
HEIGHT, WIDTH = 12, 16
CORRECTED = rectangle(HEIGHT, WIDTH, slice(0, 3), slice(1, 7))
NEW = rectangle(HEIGHT, WIDTH, slice(9, 12), slice(10, 16))
IOU = 18 / 27  # of CORRECTED with object 1
CASES: list[tuple[str, Shape]] = [
    ("label-studio", "rle"),
    ("cvat", "rle"),
    ("coco", "rle"),
    ("coco", "polygons"),
]


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    write_data(str(tmp_path / "data"), KEYS)
    return write_run(str(tmp_path / "run"), str(tmp_path / "data"))


def exported(run: RunDirectory, folder: Path, name: str = "coco", shape: Shape = "rle", **more: Any) -> Path:
    """Export a run, and submit it in the program as it is."""
    run_export(ExportSpec(run=run.url, format=name, to=str(folder), shape=shape, **more))  # type: ignore[arg-type]
    return submit(folder, name)


def imported(run: RunDirectory, path: Path | str, reviewer: str = "Ada", **more: Any) -> ImportedLabels:
    return run_import_labels(ImportLabelsSpec(file=str(path), run=run.url, reviewer=reviewer, **more))


def reviews(run: RunDirectory) -> Mapping[tuple[str, str], Review]:
    return read_reviews(RunDirectory(run.url, STORAGE))


def files(run: RunDirectory) -> list[str]:
    return STORAGE.list(join(run.url, "reviews"))


def correct(path: Path, name: str) -> None:
    """Change the mask of a/1, the class of a/2, delete b/c 1, and add an object to d.e."""
    {"label-studio": correct_tasks, "cvat": correct_xml, "coco": correct_coco}[name](path)


def correct_tasks(path: Path) -> None:
    tasks = json.loads(path.read_text())
    results = {task["data"]["sample_key"]: task["annotations"][0]["result"] for task in tasks}
    results["a"][0]["value"]["rle"] = list(brush_rle(exported_object("", CORRECTED), HEIGHT, WIDTH))
    results["a"][1]["value"]["brushlabels"] = ["bird"]
    del results["b/c"][0]
    new = json.loads(json.dumps(results["d.e"][0]))
    del new["meta"]
    new["id"] = "8_Xa1"
    new["value"]["rle"] = list(brush_rle(exported_object("", NEW), HEIGHT, WIDTH))
    results["d.e"].append(new)
    path.write_text(json.dumps(tasks))


def correct_coco(path: Path) -> None:
    document = json.loads(path.read_text())
    image_of = {image["sample_key"]: image["id"] for image in document["images"]}
    entry = {(one["image_id"], one["object_id"]): one for one in document["annotations"]}
    entry[image_of["a"], "1"]["segmentation"] = {
        "size": [HEIGHT, WIDTH],
        "counts": rle.run_lengths(rle.encode(CORRECTED), HEIGHT, WIDTH).tolist(),
    }
    document["categories"].append({"id": 99, "name": "bird"})
    entry[image_of["a"], "2"]["category_id"] = 99
    document["annotations"].remove(entry[image_of["b/c"], "1"])
    new = {"size": [HEIGHT, WIDTH], "counts": rle.encode(NEW).decode()}
    category_id = entry[image_of["a"], "1"]["category_id"]
    document["annotations"].append(
        {"id": 500, "image_id": image_of["d.e"], "category_id": category_id, "segmentation": new}
    )
    path.write_text(json.dumps(document))


def correct_xml(path: Path) -> None:
    tree = ET.parse(path)
    image_of = {image.attrib["sample_key"]: image for image in tree.iter("image")}
    image_of["a"][0].attrib |= {"rle": "0,18", "left": "1", "top": "0", "width": "6", "height": "3"}
    image_of["a"][1].attrib["label"] = "bird"
    image_of["b/c"].remove(image_of["b/c"][0])
    box = {"left": "10", "top": "9", "width": "6", "height": "3"}
    ET.SubElement(image_of["d.e"], "mask", {"label": "cat", "rle": "0,18"} | box)
    tree.write(path, "utf-8")


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_what_was_corrected_in_a_program_is_in_the_reviews_of_the_run(
    name: str, shape: Shape, run: RunDirectory, tmp_path: Path
) -> None:
    path = exported(run, tmp_path / "out", name, shape)
    correct(path, name)
    found = imported(run, path)
    assert (found.format, found.images, found.written) == (name, 3, 7)
    assert (found.accepted, found.corrected, found.rejected, found.added) == (4, 1, 1, 1)
    assert (found.reclassed, found.objects_by_overlap) == (1, 0)
    assert found.mean_iou == pytest.approx(IOU)
    decided = reviews(run)
    (added,) = decided.keys() - {(key, number) for key in KEYS for number in ("1", "2")}
    assert {key: one.verdict for key, one in decided.items()} == {
        ("a", "1"): Verdict.CORRECTED,
        ("a", "2"): Verdict.ACCEPTED,
        ("b/c", "1"): Verdict.REJECTED,
        ("b/c", "2"): Verdict.ACCEPTED,
        ("d.e", "1"): Verdict.ACCEPTED,
        ("d.e", "2"): Verdict.ACCEPTED,
        added: Verdict.ADDED,
    }
    mask = decided["a", "1"].mask
    assert mask is not None
    assert mask.origin == Imported(FILES[name], name)
    assert np.array_equal(rle.decode(mask.rle, mask.height, mask.width), CORRECTED)
    assert decided["a", "1"].iou == pytest.approx(IOU)
    new = decided[added]
    assert added[0] == "d.e"
    assert new.mask is not None
    assert new.mask.rle == rle.encode(NEW)
    assert (new.category, decided["a", "2"].category, decided["a", "1"].category) == ("cat", "bird", None)
    assert {(one.reviewer, one.attempt) for one in decided.values()} == {("Ada", "a")}
    shard_of = {row["sample_key"]: row["shard"] for row in run.read_masks().to_pylist()}
    assert all(one.shard == shard_of[one.sample_key] for one in decided.values())


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_the_same_file_again_writes_nothing(
    name: str, shape: Shape, run: RunDirectory, tmp_path: Path
) -> None:
    path = exported(run, tmp_path / "out", name, shape)
    correct(path, name)
    imported(run, path)
    before, names = reviews(run), files(run)
    for more in ({}, {"replace": True}, {"reviewer": "Bob"}):
        again = imported(run, path, **more)
        assert (again.written, again.already, again.conflicts) == (0, 7, 0)
    assert (reviews(run), files(run)) == (before, names)


def test_what_was_imported_goes_out_again_and_comes_back_as_it_is(run: RunDirectory, tmp_path: Path) -> None:
    path = exported(run, tmp_path / "out", "cvat")
    correct(path, "cvat")
    imported(run, path)
    again = imported(run, exported(run, tmp_path / "again", "cvat"))
    assert (again.accepted, again.corrected, again.rejected, again.added) == (4, 1, 1, 1)
    assert (again.written, again.already, again.conflicts) == (0, 7, 0)


def test_labels_come_back_on_s3(folder_url: str, tmp_path: Path) -> None:
    write_data(f"{folder_url}/data", KEYS)
    run = write_run(f"{folder_url}/run", f"{folder_url}/data")
    path = exported(run, tmp_path / "out")
    STORAGE.write_bytes(f"{folder_url}/labels.json", path.read_bytes())
    assert imported(run, f"{folder_url}/labels.json").written == 6
    assert imported(run, f"{folder_url}/labels.json").already == 6


@pytest.mark.parametrize("category", ["object", "cat"])
def test_an_object_that_was_added_is_known_again_whatever_its_class(
    category: str, run: RunDirectory, tmp_path: Path
) -> None:
    path = exported(run, tmp_path / "out")
    correct(path, "coco")
    document = json.loads(path.read_text())
    document["categories"].append({"id": 77, "name": category})
    document["annotations"][-1]["category_id"] = 77
    path.write_text(json.dumps(document))
    assert imported(run, path).written == 7
    again = imported(run, path)
    assert (again.written, again.already, again.conflicts) == (0, 7, 0)
    (added,) = (one for one in reviews(run).values() if one.verdict is Verdict.ADDED)
    assert added.category == (None if category == "object" else "cat")


def test_a_dry_run_says_the_same_and_writes_nothing(run: RunDirectory, tmp_path: Path) -> None:
    path = exported(run, tmp_path / "out")
    correct(path, "coco")
    dry = imported(run, path, dry_run=True)
    assert files(run) == []
    assert dry == replace(imported(run, path), is_dry_run=True)


def test_decisions_made_in_between_stay_and_are_named_unless_they_are_to_be_replaced(
    run: RunDirectory, tmp_path: Path
) -> None:
    path = exported(run, tmp_path / "out")
    correct(path, "coco")
    others = Reviews(run)
    for object_id, verdict in (("1", Verdict.REJECTED), ("2", Verdict.WITHDRAWN)):
        others.put(decision(run, "a", object_id, verdict), 0)
    others.put(decision(run, "b/c", "1", Verdict.REJECTED), 0)  # as the file says
    found = imported(run, path)
    assert (found.written, found.already, found.conflicts) == (5, 1, 1)
    (conflict,) = found.first_conflicts
    assert (conflict.sample_key, conflict.object_id) == ("a", "1")
    assert (conflict.says, conflict.stands, conflict.reviewer) == (
        Verdict.CORRECTED,
        Verdict.REJECTED,
        "Bob",
    )
    assert reviews(run)["a", "1"].reviewer == "Bob"
    assert reviews(run)["a", "2"].verdict is Verdict.ACCEPTED
    replaced = imported(run, path, replace=True)
    assert (replaced.written, replaced.already, replaced.conflicts) == (1, 6, 0)
    assert reviews(run)["a", "1"].verdict is Verdict.CORRECTED


@pytest.mark.parametrize(("with_exported", "expected"), [(True, Verdict.ADDED), (False, Verdict.REJECTED)])
def test_an_object_that_was_added_since_the_export_is_replaced_only_if_the_export_is_not_named(
    with_exported: bool, expected: Verdict, run: RunDirectory, tmp_path: Path
) -> None:
    path = exported(run, tmp_path / "out")
    mask = ReviewMask(HEIGHT, WIDTH, rle.encode(NEW), Imported("x.json", "coco"))
    added = replace(decision(run, "a", "of Bob", Verdict.REJECTED), verdict=Verdict.ADDED, mask=mask)
    Reviews(run).put(added, 0)
    found = imported(run, path, replace=True, exported=str(tmp_path / "out") if with_exported else None)
    assert found.written == (6 if with_exported else 7)
    assert reviews(run)["a", "of Bob"].verdict is expected


def test_one_image_that_the_run_does_not_have_is_one_image(run: RunDirectory, tmp_path: Path) -> None:
    path = exported(run, tmp_path / "out")
    document = json.loads(path.read_text())
    document["images"][0]["sample_key"] = "z"
    path.write_text(json.dumps(document))
    with pytest.raises(LabelImportError, match=r"has 1 image that .* does not have \('z'\): name the run"):
        imported(run, path)


def test_who_is_first_while_an_import_goes_on_is_not_written_over(
    run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = exported(run, tmp_path / "out")
    put = Reviews.put
    is_first: list[bool] = []

    def put_after_bob(self: Reviews, review: Review, after: int) -> Any:
        if review.name == ("a", "1") and not is_first:
            is_first.append(True)
            put(Reviews(run), decision(run, "a", "1", Verdict.REJECTED), 0)
        return put(self, review, after)

    monkeypatch.setattr(Reviews, "put", put_after_bob)
    found = imported(run, path)
    assert (found.written, found.conflicts, found.first_conflicts[0].reviewer) == (5, 1, "Bob")
    assert reviews(run)["a", "1"].verdict is Verdict.REJECTED


def decision(run: RunDirectory, key: str, object_id: str, verdict: Verdict) -> Review:
    (shard,) = {row["shard"] for row in run.read_masks().to_pylist() if row["sample_key"] == key}
    return Review(
        shard=shard,
        sample_key=key,
        object_id=object_id,
        verdict=verdict,
        reviewer="Bob",
        time=datetime(2026, 11, 29, tzinfo=UTC),
        decision=f"bob-{key}-{object_id}",
        attempt="a",
    )


def test_objects_that_an_export_left_out_are_not_taken_for_deleted_ones(
    run: RunDirectory, tmp_path: Path
) -> None:
    path = exported(run, tmp_path / "out", masks=ExportedMasks(min_quality=0.5))  # object 2 has no quality
    assert imported(run, path, dry_run=True).rejected == 3
    found = imported(run, path, exported=str(tmp_path / "out"))
    assert (found.accepted, found.rejected) == (3, 0)
    with pytest.raises(LabelImportError, match=r"objects\.parquet is no list of what was exported"):
        (tmp_path / "bad").mkdir()
        (tmp_path / "bad" / "objects.parquet").write_bytes(b"junk")
        imported(run, path, exported=str(tmp_path / "bad"))


@pytest.mark.parametrize("name", ["label-studio", "cvat", "coco"])
def test_an_object_that_a_program_has_made_a_box_of_is_not_taken_for_deleted(
    name: str, run: RunDirectory, tmp_path: Path
) -> None:
    path = exported(run, tmp_path / "out", name)
    {"label-studio": box_in_tasks, "cvat": box_in_xml, "coco": box_in_coco}[name](path)
    found = imported(run, path)
    assert (found.accepted, found.rejected, found.undecided) == (4, 1, 1)
    assert ("a", "1") not in reviews(run)
    assert reviews(run)["b/c", "1"].verdict is Verdict.REJECTED, "no shape of its image was left out"
    assert sum(found.left_out.values()) == 1
    assert "1 object undecided: no mask of theirs" in "\n".join(summary_lines(found))


def box_in_tasks(path: Path) -> None:
    """Make a box of a/1, and delete b/c 1."""
    tasks = json.loads(path.read_text())
    results = {task["data"]["sample_key"]: task["annotations"][0]["result"] for task in tasks}
    results["a"][0] |= {"type": "rectanglelabels", "value": {"x": 1, "y": 1, "width": 9, "height": 9}}
    del results["b/c"][0]
    path.write_text(json.dumps(tasks))


def box_in_coco(path: Path) -> None:
    """As `box_in_tasks`."""
    document = json.loads(path.read_text())
    image_of = {image["sample_key"]: image["id"] for image in document["images"]}
    entry = {(one["image_id"], one["object_id"]): one for one in document["annotations"]}
    entry[image_of["a"], "1"] |= {"segmentation": [], "bbox": [1, 0, 9, 3]}
    document["annotations"].remove(entry[image_of["b/c"], "1"])
    path.write_text(json.dumps(document))


def box_in_xml(path: Path) -> None:
    """As `box_in_tasks`."""
    tree = ET.parse(path)
    image_of = {image.attrib["sample_key"]: image for image in tree.iter("image")}
    image_of["a"][0].tag = "box"
    image_of["b/c"].remove(image_of["b/c"][0])
    tree.write(path, "utf-8")


def test_what_is_said_of_a_whole_image_is_no_shape(run: RunDirectory, tmp_path: Path) -> None:
    path = exported(run, tmp_path / "out", "cvat")
    tree = ET.parse(path)
    image = next(tree.iter("image"))
    image.remove(image[0])
    ET.SubElement(image, "tag", {"label": "blurred"})
    tree.write(path, "utf-8")
    found = imported(run, path, dry_run=True)
    assert (found.accepted, found.rejected, found.undecided) == (5, 1, 0)
    assert found.left_out == {"<tag> of CVAT, which are no masks": 1}


def test_a_run_with_one_key_in_two_shards_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    path = exported(run, tmp_path / "out")
    shards = sorted(run.committed())
    shard_of = {row["sample_key"]: row["shard"] for row in run.read_masks().to_pylist()}
    (other,) = [shard for shard in shards if shard != shard_of["a"]]
    for file in Path(run.url, "commits").glob(f"*{Path(other).stem}*"):
        file.unlink()
    commit_rows(run, other, "b", [mask_row("a", "1", shard=other)], [])
    with pytest.raises(
        RunDirectoryError, match=r"'a' in .* and .*; corrected labels are found by sample key"
    ):
        imported(run, path)
    assert files(run) == []


def test_an_object_may_be_added_to_an_image_that_has_no_mask(run: RunDirectory, tmp_path: Path) -> None:
    path = exported(run, tmp_path / "out", masks=ExportedMasks(empty_images=True))
    document = json.loads(path.read_text())
    (image,) = (image for image in document["images"] if image["sample_key"] == EMPTY)
    new = {"size": [HEIGHT, WIDTH], "counts": rle.encode(NEW).decode()}
    document["annotations"].append(
        {"id": 9, "image_id": image["id"], "category_id": None, "segmentation": new}
    )
    path.write_text(json.dumps(document))
    found = imported(run, path)
    assert (found.images, found.accepted, found.added) == (4, 6, 1)
    (review,) = (one for one in reviews(run).values() if one.verdict is Verdict.ADDED)
    assert (review.sample_key, review.category) == (EMPTY, None)


def test_keys_and_ids_that_a_program_has_dropped_are_found_again_and_that_is_said(
    run: RunDirectory, tmp_path: Path
) -> None:
    run_export(ExportSpec(run=run.url, format="cvat", to=str(tmp_path / "out")))
    found = imported(run, submit(tmp_path / "out", "cvat", forgetful=True))
    assert (found.accepted, found.images_by_name, found.objects_by_overlap) == (6, 3, 6)


def test_another_attribute_may_hold_the_class(run: RunDirectory, tmp_path: Path) -> None:
    path = exported(run, tmp_path / "out", category="colour")
    assert imported(run, path, category="colour", dry_run=True).reclassed == 0
    assert imported(run, path, dry_run=True).reclassed == 6


def test_images_that_the_run_does_not_have_are_named_and_nothing_is_written(
    run: RunDirectory, tmp_path: Path
) -> None:
    path = exported(run, tmp_path / "out")
    document = json.loads(path.read_text())
    document["images"] += [{"id": 5000 + number, "file_name": f"x{number}.png"} for number in range(4)]
    path.write_text(json.dumps(document))
    told = r"has 4 images that .*run does not have \('x0\.png', 'x1\.png', 'x2\.png', \.\.\.\): name the run"
    with pytest.raises(LabelImportError, match=told):
        imported(run, path)
    assert files(run) == []


def test_a_fault_in_the_last_entry_leaves_the_run_as_it_is(run: RunDirectory, tmp_path: Path) -> None:
    path = exported(run, tmp_path / "out")
    document = json.loads(path.read_text())
    document["annotations"][-1]["segmentation"]["counts"] = "junk"
    path.write_text(json.dumps(document))
    with pytest.raises(LabelImportError, match=r"annotations\[5\] is no mask of sample 'd\.e'"):
        imported(run, path)
    assert files(run) == []


def test_a_file_that_nobody_has_reviewed_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    run_export(ExportSpec(run=run.url, format="label-studio", to=str(tmp_path / "out")))
    with pytest.raises(
        LabelImportError, match=r"no image that somebody has reviewed; 3 tasks of Label Studio"
    ):
        imported(run, tmp_path / "out" / "tasks.json")
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(
        LabelImportError, match=r"is no file of label-studio, cvat, coco: give the JSON or XML"
    ):
        imported(run, tmp_path / "x.txt")


def test_a_reviewer_has_a_name(run: RunDirectory) -> None:
    with pytest.raises(ValueError, match="reviewer is empty"):
        imported(run, "x.json", reviewer=" ")


def test_the_command_says_what_came_of_it_and_ends_with_3_if_decisions_are_in_the_way(
    run: RunDirectory, tmp_path: Path
) -> None:
    path = exported(run, tmp_path / "out")
    correct(path, "coco")
    line = ["import", str(path), "--run", run.url, "--reviewer", "Ada"]
    first = CliRunner().invoke(app, line)
    assert first.exit_code == 0, first.output
    told = [text.strip() for text in first.stdout.splitlines()]
    assert told[0] == f"7 objects on 3 images of {path}, read as coco"
    assert told[1] == "4 accepted, 1 corrected, 1 rejected, 1 added; 1 with another class"
    assert told[3] == f"7 decisions written: {run.url}"
    Reviews(run).put(decision(run, "b/c", "1", Verdict.ACCEPTED), 1)
    second = CliRunner().invoke(app, line)
    assert second.exit_code == 3
    assert "object '1' of 'b/c': accepted by Bob, the file says rejected" in second.stdout
    as_json = CliRunner().invoke(app, [*line, "--json"])
    assert json.loads(as_json.stdout)["conflicts"] == 1
    assert json.loads(as_json.stdout)["already"] == 6

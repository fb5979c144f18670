"""What people have decided about the masks of a run is what goes out, in every format."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.specs.export import ExportedMasks, ExportSpec
from infra import rle
from infra.errors import ExportError
from infra.exports.formats import FORMATS
from infra.runs.reviews import Review, Reviews, Verdict
from infra.runs.run_directory import RunDirectory
from pipelines.jobs.export import Exported, run_export
from pipelines.views.export import summary_lines
from tests.infra.runs.test_reviews import MASK, review
from tests.pipelines.exported_runs import STORAGE, write_data, write_run

KEYS = ("a", "b/c", "d.e")
HEIGHT, WIDTH = 12, 16


def several_parts() -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A mask of four parts, one of which has a hole."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[1:5, 1:5] = True
    mask[2, 2] = False
    mask[1:3, 8:10] = mask[8:11, 1:3] = mask[7:9, 11:14] = True
    return mask


CORRECTED = replace(MASK, height=HEIGHT, width=WIDTH, rle=rle.encode(several_parts()))


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """The first object of the samples accepted, corrected and rejected, and one added to the last."""
    write_data(str(tmp_path / "data"), KEYS)
    run = write_run(str(tmp_path / "run"), str(tmp_path / "data"))
    shard_of = {
        row["sample_key"]: row["shard"] for row in run.read_masks(["sample_key", "shard"]).to_pylist()
    }
    reviews = Reviews(run)

    def put(key: str, verdict: Verdict, object_id: str = "1", **values: Any) -> Review:
        one = review(
            f"{key} {object_id}",
            shard=shard_of[key],
            sample_key=key,
            object_id=object_id,
            verdict=verdict,
            **values,
        )
        return reviews.put(one, 0).review

    put("a", Verdict.ACCEPTED)
    put("b/c", Verdict.CORRECTED, mask=CORRECTED, iou=0.5, category="seal")
    put("d.e", Verdict.REJECTED)
    put("d.e", Verdict.ADDED, "added-1", mask=CORRECTED)
    return run


def export(run: RunDirectory, to: Path, name: str = "coco", **settings: Any) -> Exported:
    return run_export(ExportSpec(run=run.url, format=name, to=str(to), **settings))  # type: ignore[arg-type]


def masks_in(to: Path) -> dict[tuple[str, str], tuple[str, Any]]:
    """Class and mask of each object in COCO's files."""
    document = json.loads((to / "annotations.json").read_text())
    keys = {image["id"]: image["file_name"].removesuffix(".png") for image in document["images"]}
    classes = {one["id"]: one["name"] for one in document["categories"]}
    return {
        (keys[one["image_id"]], one["object_id"]): (
            classes[one["category_id"]],
            rle.decode(one["segmentation"]["counts"].encode(), HEIGHT, WIDTH),
        )
        for one in document["annotations"]
    }


def test_corrected_masks_are_in_place_rejected_ones_gone_and_added_ones_there(
    run: RunDirectory, tmp_path: Path
) -> None:
    exported = export(run, tmp_path / "out")
    masks = masks_in(tmp_path / "out")
    assert set(masks) == {
        *(("a", "1"), ("a", "2"), ("b/c", "1"), ("b/c", "2")),
        *(("d.e", "2"), ("d.e", "added-1")),
    }
    name, mask = masks["b/c", "1"]
    assert (name, np.array_equal(mask, several_parts())) == ("seal", True)
    name, mask = masks["d.e", "added-1"]
    assert (name, np.array_equal(mask, several_parts())) == ("object", True)
    assert masks["a", "1"][0] == "cat"
    figures = (exported.objects, exported.reviewed, exported.corrected, exported.added, exported.rejected)
    assert figures == (6, 3, 1, 1, 1)
    assert "  3 of them reviewed: 1 corrected, 1 added; 1 rejected masks left out" in list(
        summary_lines(exported)
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_part_of_a_corrected_mask_comes_back_or_the_loss_is_told(
    name: str, run: RunDirectory, tmp_path: Path
) -> None:
    if name == "voc":  # whose pixels belong to one object each
        with pytest.raises(ExportError, match="objects '1' and '2' of sample 'b/c' overlap"):
            export(run, tmp_path / "out", name)
        return
    exported = export(run, tmp_path / "out", name)
    assert exported.objects == 6
    if FORMATS[name].exact_shapes:
        assert (exported.exact, exported.worst_kept) == (6, 1.0)
    else:
        assert exported.worst_kept < 1.0
        assert exported.to_json()["worst_kept"] == exported.worst_kept


def test_only_the_reviewed_go_out_if_only_they_are_asked_for(run: RunDirectory, tmp_path: Path) -> None:
    exported = export(run, tmp_path / "out", masks=ExportedMasks(reviewed="only"))
    assert set(masks_in(tmp_path / "out")) == {("a", "1"), ("b/c", "1"), ("d.e", "added-1")}
    assert (exported.objects, exported.filtered) == (3, 3)


def test_the_rejected_masks_of_other_samples_are_not_counted(run: RunDirectory, tmp_path: Path) -> None:
    for keys, rejected in ((("a", "b/c"), 0), (("d.e",), 1)):
        listed = tmp_path / "keys.txt"
        listed.write_text("\n".join(keys))
        exported = export(run, tmp_path / keys[0], masks=ExportedMasks(split=str(listed)))
        assert (exported.samples, exported.rejected) == (len(keys), rejected)


def test_the_quality_of_a_mask_does_not_outweigh_the_word_of_a_person(
    run: RunDirectory, tmp_path: Path
) -> None:
    export(run, tmp_path / "out", masks=ExportedMasks(min_quality=1.0))
    assert set(masks_in(tmp_path / "out")) == {("a", "1"), ("b/c", "1"), ("d.e", "added-1")}
    area = int(np.count_nonzero(several_parts()))
    export(run, tmp_path / "where", masks=ExportedMasks(where=f"area = {area} AND num_clicks = 2"))
    assert set(masks_in(tmp_path / "where")) == {("b/c", "1"), ("d.e", "added-1")}


def test_what_was_taken_back_is_as_if_nobody_had_decided(run: RunDirectory, tmp_path: Path) -> None:
    reviews = Reviews(run)
    reviews.refresh()
    for decided in list(reviews.all()):
        taken_back = replace(
            decided.review,
            verdict=Verdict.WITHDRAWN,
            mask=None,
            iou=None,
            decision=f"{decided.review.decision} back",
        )
        reviews.put(taken_back, decided.number)
    exported = export(run, tmp_path / "out")
    assert (exported.objects, exported.reviewed, exported.rejected) == (6, 0, 0)
    bare = RunDirectory(str(tmp_path / "bare"), STORAGE)
    (tmp_path / "run").rename(tmp_path / "bare")
    for file in (tmp_path / "bare" / "reviews").iterdir():
        file.unlink()
    export(bare, tmp_path / "again")
    first, again = (
        json.loads((tmp_path / name / "annotations.json").read_text()) for name in ("out", "again")
    )
    assert first["annotations"] == again["annotations"]

from __future__ import annotations

import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from actors.errors import SpecError
from infra.errors import DatasetError, LayoutError, Reason, RunDirectoryError, StorageError
from infra.layout_options import LayoutOptions
from infra.shards.image_reading import ImageReading
from infra.shards.manifest import load_manifest
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage, join
from infra.storage.options import StorageOptions
from pipelines.jobs.shard import run_shard
from pipelines.progress_report import ProgressReport
from tests.infra.sample_factory import encoded, random_pixels, write_image
from tests.shared_data import SHARED, requires_shared
from tests.specs import shard_spec


def write_source(url: str) -> None:
    """Five pairs of images and masks with two instances each; the mask of `broken` has another size."""
    mask = np.zeros((6, 8), np.uint8)
    mask[1], mask[3], mask[5] = 1, 2, 255
    storage = Storage()
    for stem in ("a", "b", "broken", "c", "d"):
        storage.write_bytes(join(url, f"images/{stem}.jpg"), encoded(random_pixels(6, 8), "JPEG"))
        of_sample = mask.T if stem == "broken" else mask
        storage.write_bytes(join(url, f"masks/{stem}.png"), encoded(of_sample))


def test_a_source_becomes_shards_on_any_storage(folder_url: str) -> None:
    source, destination = join(folder_url, "source"), join(folder_url, "shards")
    write_source(source)
    reports: list[ProgressReport] = []
    reading = LayoutOptions(mask_values="instances", ignore_value=255)
    options = shard_spec(source, destination, "folder", samples_per_shard=2, reading=reading)
    manifest = run_shard(options, reports.append).dataset
    assert load_manifest(Storage(), destination) == manifest
    assert [shard.samples for shard in manifest.shards] == [2, 1, 1]
    assert (manifest.num_samples, manifest.num_objects, manifest.num_quarantined) == (4, 8, 1)
    assert (reports[-1].done, reports[-1].quarantined) == (4, 1)
    shards = [manifest.shard_url(shard) for shard in manifest.shards]
    items = [item for shard in shards for item in read_shard(Storage(), shard)]
    assert [item.key for item in items] == ["a", "b", "broken", "c", "d"]
    assert [item.reason for item in items if isinstance(item, QuarantinedSample)] == [
        Reason.MASK_SIZE_MISMATCH
    ]
    (first, *_) = items
    assert isinstance(first, Sample)
    assert first.ignore_rle is not None


def test_sharding_twice_gives_the_same_data_set(tmp_path: Path) -> None:
    write_source(str(tmp_path / "source"))
    options = shard_spec(str(tmp_path / "source"), str(tmp_path / "shards"), "folder")
    assert run_shard(options) == run_shard(options)


def test_errors_of_a_person_are_one_line_and_leave_nothing(tmp_path: Path, s3_endpoint: str) -> None:
    write_source(str(tmp_path / "source"))
    destination = str(tmp_path / "shards")
    with pytest.raises(SpecError, match=r"layout: should be 'folder', .*, not .foler"):
        run_shard(shard_spec(str(tmp_path / "source"), destination, "foler"))
    with pytest.raises(LayoutError, match="layout folder expects images/"):
        run_shard(shard_spec(str(tmp_path), destination, "folder"))
    with pytest.raises(StorageError, match="no such bucket"):
        run_shard(shard_spec("s3://no-such-bucket/x", destination, "folder"))
    with pytest.raises(StorageError, match="no such bucket"):
        run_shard(shard_spec(str(tmp_path / "source"), "s3://no-such-bucket/x", "folder"))
    dead = StorageOptions(endpoint="http://127.0.0.1:9")
    with pytest.raises(StorageError, match="no S3 server answers"):
        run_shard(shard_spec("s3://bucket/x", destination, "folder", storage=dead))
    assert not Path(destination).exists()


def write_odd_source(folder: Path) -> None:
    """Every way of `mfp shard` to tell something: understood, left out, doubted, set aside."""
    mask = np.zeros((80, 120), np.uint8)
    mask[10:60, 20:90] = 255
    inverted = 255 - mask
    for stem in ("a", "b", "inverted", "lonely", "other_size", "soft"):
        write_image(folder / f"images/{stem}.jpg", random_pixels(80, 120))
    write_image(folder / "masks/a.png", mask)
    write_image(folder / "masks/b.jpg", mask)
    write_image(folder / "masks/inverted.png", inverted)
    write_image(folder / "masks/other_size.png", mask.T)
    write_image(folder / "masks/soft.png", cv2.GaussianBlur(mask, (0, 0), 1.0))
    write_image(folder / "masks/orphan.png", mask)
    (folder / "images/notes.txt").write_text("no image")
    (folder / "images/.ipynb_checkpoints").mkdir()
    write_image(folder / "images/.ipynb_checkpoints/a-checkpoint.jpg", random_pixels(80, 120))


def test_the_summary_says_what_was_understood_left_out_doubted_and_set_aside(tmp_path: Path) -> None:
    write_odd_source(tmp_path / "source")
    sharded = run_shard(shard_spec(str(tmp_path / "source"), str(tmp_path / "out"), "folder"))
    summary = sharded.summary
    assert (summary.samples, summary.objects) == (4, 4)
    assert {line.text: (line.count, line.first_keys) for line in summary.read} == {
        "masks: values 0 and 255: what is not 0 is object": (3, ("a", "inverted", "other_size")),
        "masks: lossy JPEG: object from half of 255 on": (1, ("b",)),
        "masks: soft edges: object from half of 255 on": (1, ("soft",)),
    }
    assert {(line.text, line.first_keys) for line in summary.left_out} == {
        ("no image file: .txt", ("notes.txt",)),
        (
            "hidden files and folders, and those of file managers and notebooks",
            (".ipynb_checkpoints/a-checkpoint.jpg",),
        ),
        ("masks without an image of their stem", ("orphan",)),
    }
    (doubt,) = summary.doubts
    assert doubt.first_keys == ("inverted",)
    assert "touch all four borders" in doubt.text
    assert {line.reason: line.first for line in summary.quarantined} == {
        Reason.MISSING_MASK: (("lonely", "no mask with the stem lonely"),),
        Reason.MASK_SIZE_MISMATCH: (
            ("other_size", "the mask has 120 x 80 pixels, the image 80 x 120: height and width are swapped"),
        ),
    }
    stored = json.loads((tmp_path / "out/summary.json").read_text())
    assert stored == {"source": str(tmp_path / "source"), "layout": "folder"} | summary.to_json()
    assert load_manifest(Storage(), str(tmp_path / "out")) == sharded.dataset


def test_a_sample_that_cannot_be_written_counts_as_set_aside(tmp_path: Path) -> None:
    for name in ("a.jpg", "two\nlines.jpg"):
        write_image(tmp_path / "source/images" / name, random_pixels(4, 6))
    sharded = run_shard(shard_spec(str(tmp_path / "source"), str(tmp_path / "out"), "folder"))
    assert (sharded.dataset.num_samples, sharded.dataset.num_quarantined) == (1, 1)
    assert sharded.summary.samples == 1
    (line,) = sharded.summary.quarantined
    assert (line.reason, line.count) == (Reason.BAD_METADATA, 1)


def test_a_source_of_which_nothing_can_be_used_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    for stem in ("a", "b"):
        write_image(tmp_path / f"source/images/{stem}.jpg", random_pixels(4, 6))
        write_image(tmp_path / f"source/masks/{stem}.png", np.ones((6, 4), np.uint8))
    write_image(tmp_path / "source/masks/c.png", np.ones((6, 4), np.uint8))
    with pytest.raises(LayoutError) as raised:
        run_shard(shard_spec(str(tmp_path / "source"), str(tmp_path / "out"), "folder"))
    message = str(raised.value)
    assert "2 mask_size_mismatch (a: the mask has 6 x 4 pixels, the image 4 x 6" in message
    assert "1 left out: masks without an image of their stem (c)" in message
    assert "\n" not in message
    with pytest.raises(DatasetError, match="not complete"):
        load_manifest(Storage(), str(tmp_path / "out"))


def test_summary_and_preview_never_outlive_the_data_set_that_they_describe(tmp_path: Path) -> None:
    write_source(str(tmp_path / "source"))
    out = tmp_path / "out"
    out.mkdir()
    (out / "preview.png").write_text("of somebody else, as long as no data set is here")
    options = shard_spec(str(tmp_path / "source"), str(out), "folder")
    run_shard(options)
    assert (out / "preview.png").exists()
    run_shard(replace(options, preview=1))
    run_shard(options)
    assert not (out / "preview.png").exists()

    def killed_at_the_last_sample(report: ProgressReport) -> None:
        if report.done == 4:
            raise RuntimeError("killed")

    run_shard(replace(options, preview=1))
    with pytest.raises(RuntimeError, match="killed"):
        run_shard(replace(options, samples_per_shard=1), killed_at_the_last_sample)
    assert not {"summary.json", "preview.png"} & {path.name for path in out.iterdir()}


def test_a_preview_shows_the_masks_and_first_what_is_doubtful(folder_url: str) -> None:
    with tempfile.TemporaryDirectory() as source:
        write_odd_source(Path(source))
        sharded = run_shard(shard_spec(source, folder_url, "folder", preview=2))
    assert sharded.preview_url == join(folder_url, "preview.png")
    with Image.open(io.BytesIO(Storage().read_bytes(sharded.preview_url))) as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(2**24) or []}
    assert (180, 83, 9) in colours  # the amber of what is said of `inverted`
    assert (230, 159, 0) in colours  # an outline


@pytest.mark.parametrize("file", ["run.json", "training.json", "flywheel.json"])
def test_the_directory_of_a_run_is_no_folder_for_a_data_set(tmp_path: Path, file: str) -> None:
    write_source(str(tmp_path / "source"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / file).write_text("{}")
    with pytest.raises(RunDirectoryError, match="give the data set its own folder"):
        run_shard(shard_spec(str(tmp_path / "source"), str(tmp_path / "run"), "folder"))
    assert [path.name for path in (tmp_path / "run").iterdir()] == [file]


def test_a_white_that_no_image_needs_is_said(tmp_path: Path) -> None:
    write_source(str(tmp_path / "source"))
    reading = LayoutOptions(images=ImageReading(white=4095))
    sharded = run_shard(
        shard_spec(str(tmp_path / "source"), str(tmp_path / "out"), "folder", reading=reading)
    )
    assert "--white was given, and no image has more than 8 bits" in [
        line.text for line in sharded.summary.doubts
    ]


@requires_shared
def test_the_validation_images_of_voc_are_all_read(tmp_path: Path) -> None:
    options = shard_spec(
        str(SHARED / "data/voc"),
        str(tmp_path),
        "folder",
        samples_per_shard=250,
        reading=LayoutOptions(mask_values="instances", ignore_value=255, split="val"),
    )
    manifest = run_shard(options).dataset
    assert [shard.samples for shard in manifest.shards] == [250, 220]
    assert (manifest.num_samples, manifest.num_objects, manifest.num_quarantined) == (470, 1194, 0)

"""A run goes out whole and as it is, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from actors.specs.export import ExportedMasks, ExportSpec
from infra.errors import ExportError, StorageError
from infra.exports.export_folder import ExportFolder
from infra.exports.export_format import ExportTarget
from infra.exports.exported_sample import ExportedSample
from infra.exports.formats import FORMATS
from infra.exports.mask_png import png_of
from infra.exports.png import PngWriter
from infra.shards.shard_reader import read_shard
from infra.starts.load import load_masks
from infra.starts.starts import GivenMask
from infra.storage.files import Storage
from pipelines.cli import app
from pipelines.errors import OptionError
from pipelines.inputs import exported_samples
from pipelines.inputs.exported_samples import ExportCounts, ExportedSamples
from pipelines.jobs import export as job
from pipelines.jobs.export import run_export
from pipelines.jobs.shard import run_shard
from pipelines.views.export import summary_lines
from tests.pipelines.exported_runs import EMPTY, STORAGE, write_data, write_run
from tests.specs import shard_spec

KEYS = ("a", "b/c", "d.e")
NUM_OBJECTS = 2 * len(KEYS)
HEIGHT, WIDTH = 12, 16


@pytest.fixture
def run(tmp_path: Path) -> str:
    write_data(str(tmp_path / "data"), KEYS)
    return write_run(str(tmp_path / "run"), str(tmp_path / "data")).url


def spec(run: str, to: Path | str, name: str = "coco", **settings: Any) -> ExportSpec:
    return ExportSpec(run=run, format=name, to=str(to), **settings)  # type: ignore[arg-type]


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("images", [False, True])
def test_every_mask_of_a_run_goes_out_in_every_format_on_disk_and_on_s3(
    name: str, images: bool, folder_url: str
) -> None:
    url = f"{folder_url}/{name}"
    write_data(f"{folder_url}/data", KEYS)
    run = write_run(f"{folder_url}/run", f"{folder_url}/data").url
    exported = run_export(spec(run, url, name, images=images))
    assert (exported.samples, exported.objects, exported.is_whole_run) == (len(KEYS), NUM_OBJECTS, True)
    if FORMATS[name].exact_shapes:
        assert (exported.exact, exported.worst_kept) == (NUM_OBJECTS, 1.0)
    names = list(STORAGE.walk(url))
    folder = FORMATS[name].images_folder
    assert any(f"/{folder}/b/c.png" in found for found in names) == (
        images and not FORMATS[name].always_has_images
    )
    summary = json.loads(STORAGE.read_bytes(f"{url}/export.json"))["summary"]
    assert summary == exported.to_json()


def test_objects_parquet_has_a_row_for_each_object(run: str, tmp_path: Path) -> None:
    run_export(spec(run, tmp_path / "out"))
    rows = pq.read_table(tmp_path / "out/objects.parquet").to_pylist()
    assert [(row["sample_key"], row["object_id"], row["category"]) for row in rows] == [
        (key, object_id, name) for key in KEYS for object_id, name in (("1", "cat"), ("2", "dog"))
    ]
    assert {row["kept_iou"] for row in rows} == {1.0}


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        (ExportedMasks(min_quality=0.7), ["1", "1", "1"]),
        (ExportedMasks(where="num_clicks > 1"), ["2", "2", "2"]),
        (ExportedMasks(where="sample_key = 'b/c' OR sample_key IN ('it''s')"), ["1", "2"]),
        (ExportedMasks(where="quality > 0.1"), ["1", "1", "1"]),
        (ExportedMasks(where="area > 0 -- as it is"), ["1", "2"] * 3),
        (ExportedMasks(min_quality=0.7, where="sample_key <> 'a'"), ["1", "1"]),
    ],
    ids=str,
)
def test_filters_let_through_what_they_say(
    masks: ExportedMasks, expected: list[str], run: str, tmp_path: Path
) -> None:
    exported = run_export(spec(run, tmp_path / "out", masks=masks))
    entries = json.loads((tmp_path / "out/annotations.json").read_text())["annotations"]
    assert [entry["object_id"] for entry in entries] == expected
    assert (exported.objects, exported.filtered) == (len(expected), NUM_OBJECTS - len(expected))


@pytest.mark.parametrize(
    "where",
    [
        "nothing = 1",
        "area >",
        "true); SELECT (1",
        "true) UNION SELECT (5",
        "count(*) > 1",
        "EXISTS (SELECT * FROM read_csv('/etc/passwd'))",
        "EXISTS (SELECT * FROM '/etc/passwd')",
        "EXISTS (SELECT * FROM numbered)",
        "sample_key = 'it's'",
    ],
)
def test_a_condition_that_is_none_on_the_columns_is_refused_in_one_line(
    where: str, run: str, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=r"--where .*give a condition on sample_key, object_id") as caught:
        run_export(spec(run, tmp_path / "out", masks=ExportedMasks(where=where)))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", FORMATS)
def test_keys_and_ids_that_differ_in_case_have_files_that_differ_on_any_disk(
    name: str, tmp_path: Path
) -> None:
    keys = ("a/IMG", "A/img", "e\u0301", "\u00e9", "a/img")
    write_data(str(tmp_path / "data"), keys)
    run = write_run(str(tmp_path / "run"), str(tmp_path / "data")).url
    exported = run_export(spec(run, tmp_path / "out", name, images=True))
    assert (exported.samples, exported.objects) == (5, 10)
    found = files_of(tmp_path / "out")
    assert len({normalize("NFC", path).casefold() for path in found}) == len(found)
    if not FORMATS[name].always_has_images:
        assert len([path for path in found if path.startswith(FORMATS[name].images_folder)]) == 5


@pytest.mark.parametrize("name", FORMATS)
def test_images_without_objects_go_out_if_asked_for(name: str, run: str, tmp_path: Path) -> None:
    exported = run_export(
        spec(run, tmp_path / "out", name, images=True, masks=ExportedMasks(empty_images=True))
    )
    assert (exported.samples, exported.objects) == (len(KEYS) + 1, NUM_OBJECTS)
    if name != "datasets":
        assert (tmp_path / "out" / FORMATS[name].images_folder / f"{EMPTY}.png").exists()


def test_a_thinned_image_is_said_to_be_partial(run: str) -> None:
    for masks, expected in ((ExportedMasks(), False), (ExportedMasks(min_quality=0.7), True)):
        samples = ExportedSamples(spec(run, "unused", masks=masks), STORAGE)
        assert {sample.is_partial for sample in samples.read(ExportCounts())} == {expected}


def test_half_a_run_goes_out_as_half_and_none_is_refused(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    write_data(data, KEYS)
    half = write_run(str(tmp_path / "half"), data, num_shards=1)
    assert not run_export(spec(half.url, tmp_path / "out")).is_whole_run
    none = write_run(str(tmp_path / "none"), data, num_shards=0)
    with pytest.raises(OptionError, match="has nothing to export"):
        run_export(spec(none.url, tmp_path / "no"))
    assert files_of(tmp_path / "no") == []


def test_a_folder_that_is_not_empty_is_refused_and_stays_as_it_is(run: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("x")
    with pytest.raises(ExportError, match=r"is not empty .*mine\.txt.*give another folder"):
        run_export(spec(run, out))
    assert files_of(out) == ["mine.txt"]


def test_a_data_set_that_has_changed_since_is_refused(run: str, tmp_path: Path) -> None:
    for path in (tmp_path / "data").iterdir():
        path.unlink()
    write_data(str(tmp_path / "data"), ("a", "other"))
    with pytest.raises(OptionError, match="its contents have changed since"):
        run_export(spec(run, tmp_path / "out"))


def test_options_that_a_format_has_no_use_for_are_refused(run: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--shape polygons: png has one way"):
        run_export(spec(run, tmp_path / "out", "png", shape="polygons"))
    for name in ("datasets", "yolo-seg"):
        with pytest.raises(OptionError, match=f"--image-prefix x/: {name} does not say where images lie"):
            run_export(spec(run, tmp_path / "out", name, image_prefix="x/"))


@pytest.mark.parametrize("name", [name for name, known in FORMATS.items() if known.names_images])
def test_an_image_prefix_stands_before_the_name_of_every_image(name: str, run: str, tmp_path: Path) -> None:
    run_export(spec(run, tmp_path / "out", name, image_prefix="s3://bucket/x/"))
    texts = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert any(b"s3://bucket/x/b/c.png" in text for text in texts)


class Tampering(PngWriter):
    """Somebody changes a file behind the writer's back."""

    def __init__(self, target: ExportTarget) -> None:
        super().__init__(target)
        self._at = Path(target.url)

    def finish(self) -> None:
        super().finish()
        (self._at / "masks/a/1.png").write_bytes((self._at / "masks/a/2.png").read_bytes())


class Growing(PngWriter):
    """A format that gives a mask the whole image."""

    def __init__(self, target: ExportTarget) -> None:
        super().__init__(target)
        self._at = Path(target.url)

    def finish(self) -> None:
        super().finish()
        (self._at / "masks/a/1.png").write_bytes(png_of(np.full((HEIGHT, WIDTH), 255, np.uint8)))


class SwappedImages(PngWriter):
    def __init__(self, target: ExportTarget) -> None:
        super().__init__(target)
        self._at = Path(target.url)

    def finish(self) -> None:
        super().finish()
        (self._at / "images/a.png").write_bytes((self._at / "images/d.e.png").read_bytes())


class Breaking(PngWriter):
    def add(self, sample: ExportedSample) -> None:
        if sample.key == KEYS[-1]:
            raise KeyboardInterrupt
        super().add(sample)


@pytest.mark.parametrize(
    ("writer", "error", "message"),
    [
        (
            Tampering,
            ExportError,
            "object '1' of sample 'a' came back changed from png, which keeps every pixel",
        ),
        (SwappedImages, ExportError, r"images/a\.png is not the image of sample 'a'"),
        (Breaking, KeyboardInterrupt, "^$"),
    ],
)
def test_what_does_not_come_back_or_is_interrupted_leaves_nothing_behind(
    writer: type[PngWriter],
    error: type[BaseException],
    message: str,
    run: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job, "FORMATS", {"png": replace(FORMATS["png"], write=writer)})
    with pytest.raises(error, match=message):
        run_export(spec(run, tmp_path / "out", "png", images=True))
    assert files_of(tmp_path / "out") == []


def test_more_loss_than_is_allowed_is_refused_and_leaves_nothing(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lossy = replace(FORMATS["png"], write=Growing, exact_shapes=())
    monkeypatch.setattr(job, "FORMATS", {"png": lossy})
    with pytest.raises(ExportError, match=r"object '1' of sample 'a' .* --max-loss 0\.5 allows 0\.5"):
        run_export(spec(run, tmp_path / "no", "png", max_loss=0.5))
    assert files_of(tmp_path / "no") == []
    exported = run_export(spec(run, tmp_path / "out", "png"))
    assert (exported.worst, exported.exact) == (("a", "1"), NUM_OBJECTS - 1)
    assert exported.worst_kept == 27 / (HEIGHT * WIDTH)


def test_a_lossy_format_may_add_pixels_and_a_lost_one_ends_the_export(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lossy = replace(FORMATS["png"], write=Tampering, exact_shapes=())
    monkeypatch.setattr(job, "FORMATS", {"png": lossy})
    with pytest.raises(ExportError, match=r"object '1' of sample 'a' came back without 27 of its pixels"):
        run_export(spec(run, tmp_path / "no", "png"))
    assert files_of(tmp_path / "no") == []


def test_export_json_is_written_last(run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Watched(Storage):
        def write_bytes(self, url: str, data: bytes) -> None:
            written.append(url)
            super().write_bytes(url, data)

        def write_file(self, url: str, source: Path) -> None:
            written.append(url)
            super().write_file(url, source)

        def delete(self, url: str) -> None:
            if not url.endswith("out/unfinished.json"):
                raise StorageError("nothing can be deleted")
            super().delete(url)

    monkeypatch.setattr(job, "Storage", Watched)
    run_export(spec(run, tmp_path / "out", "png", images=True))
    assert written[-1].endswith("/export.json")
    monkeypatch.setattr(job, "FORMATS", {"png": replace(FORMATS["png"], write=Tampering)})
    with pytest.raises(ExportError, match="came back changed"):
        run_export(spec(run, tmp_path / "no", "png"))
    left = files_of(tmp_path / "no")
    assert "masks/a/1.png" in left and "export.json" not in left, "it does not look whole"
    with pytest.raises(
        ExportError, match=r"there is .*/no/unfinished\.json: another export writes .*delete this"
    ):
        run_export(spec(run, tmp_path / "no", "png"))


class Rival(PngWriter):
    """Another export into the same folder begins when this one is under way."""

    told = ""

    def add(self, sample: ExportedSample) -> None:
        super().add(sample)
        if not Rival.told:
            with pytest.raises(ExportError) as caught:
                run_export(spec(str(Path(self._target.url).parent / "run"), self._target.url))
            Rival.told = str(caught.value)


def test_of_two_exports_into_one_folder_the_later_is_refused_and_deletes_nothing(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = dict(FORMATS) | {"png": replace(FORMATS["png"], write=Rival)}
    monkeypatch.setattr(job, "FORMATS", both)
    exported = run_export(spec(run, tmp_path / "out", "png"))
    assert "unfinished.json: another export writes into this folder" in Rival.told
    assert exported.exact == NUM_OBJECTS
    assert {"export.json", "masks/a/1.png"} <= set(files_of(tmp_path / "out"))
    assert "unfinished.json" not in files_of(tmp_path / "out")


def test_of_exports_that_begin_at_the_same_moment_one_takes_the_folder(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    with ThreadPoolExecutor(8) as threads:
        ends = [threads.submit(ExportFolder(STORAGE, out).take) for _ in range(8)]
    refused = [end.exception() for end in ends if end.exception() is not None]
    assert len(refused) == 7
    assert all(isinstance(error, ExportError) for error in refused)
    assert files_of(tmp_path / "out") == ["unfinished.json"]


def test_a_file_that_comes_before_the_folder_is_taken_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ExportError, match=r"is not empty .*mine\.txt"):
        ExportFolder(STORAGE, str(tmp_path)).take()
    assert files_of(tmp_path) == ["mine.txt"]


def test_a_mask_whose_sample_the_data_set_does_not_have_is_not_left_out_in_silence(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_d(*arguments: Any) -> Iterator[Any]:
        for item in read_shard(*arguments):
            yield replace(item, key="other") if item.key == "d.e" else item

    monkeypatch.setattr(exported_samples, "read_shard", without_d)
    with pytest.raises(
        ExportError, match=r"shard-000001\.tar does not have the sample 'd\.e' of which .*/run has"
    ):
        run_export(spec(run, tmp_path / "out"))
    assert files_of(tmp_path / "out") == []


def test_an_image_of_another_size_than_its_masks_is_refused(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wider(*arguments: Any) -> Iterator[Any]:
        item: Any
        for item in read_shard(*arguments):
            yield replace(item, width=item.width + 1)

    monkeypatch.setattr(exported_samples, "read_shard", wider)
    with pytest.raises(ExportError, match=r"sample 'a' has 12 x 17 pixels, and its masks in .* have 12 x 16"):
        run_export(spec(run, tmp_path / "out"))


def test_a_condition_that_is_not_of_the_columns_alone_is_refused(tmp_path: Path) -> None:
    write_data(str(tmp_path / "data"), [f"s{number}" for number in range(30)], 40)
    run = write_run(str(tmp_path / "run"), str(tmp_path / "data")).url
    with pytest.raises(
        OptionError, match=r"--where 'random\(\) > 0\.5': it says one thing .*leave out random"
    ):
        run_export(spec(run, tmp_path / "out", masks=ExportedMasks(where="random() > 0.5")))
    assert files_of(tmp_path / "out") == []


def test_objects_without_the_attribute_of_the_class_are_counted_and_told(run: str, tmp_path: Path) -> None:
    assert run_export(spec(run, tmp_path / "good")).unclassed == 0
    exported = run_export(spec(run, tmp_path / "out", category="colour"))
    assert exported.unclassed == NUM_OBJECTS // 2, "every second object is a dog"
    told = "  3 objects have no attribute 'colour', nor have their images: their class is 'object'"
    assert told in list(summary_lines(exported))


def test_a_terminated_export_leaves_nothing_behind(tmp_path: Path) -> None:
    write_data(str(tmp_path / "data"), [f"s{number:03}" for number in range(300)], 400)
    run = write_run(str(tmp_path / "run"), str(tmp_path / "data")).url
    command = [
        sys.executable,
        "-m",
        "pipelines",
        "export",
        run,
        "--format",
        "png",
        "--to",
        str(tmp_path / "out"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while not list((tmp_path / "out").rglob("*.png")) and time.monotonic() < end:
            time.sleep(0.02)
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.splitlines()[-1]) == (143, "mfp: terminated")
    assert files_of(tmp_path / "out") == []


def test_samples_pass_one_by_one(run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer has a sample before the next one is read, in writing and in reading back."""
    alive = 0
    most = 0

    class Counted(ExportedSamples):
        def read(self, counts: ExportCounts) -> Iterator[ExportedSample]:
            nonlocal alive, most
            for sample in super().read(counts):
                alive += 1
                most = max(most, alive)
                yield sample
                alive -= 1

    monkeypatch.setattr(job, "ExportedSamples", Counted)
    run_export(spec(run, tmp_path / "out"))
    assert (most, alive) == (1, 0)


@pytest.mark.parametrize("name", ["coco", "png"])
def test_our_own_exports_are_masks_to_start_from(name: str, run: str, tmp_path: Path) -> None:
    run_export(spec(run, tmp_path / "out", name))
    starts = load_masks(STORAGE, str(tmp_path / "out"))
    for sample in ExportedSamples(spec(run, "unused"), STORAGE).read(ExportCounts()):
        given = starts.of_sample(sample.key).values()
        found = {start.rle for start in given if isinstance(start, GivenMask)}
        assert found == {one.rle for one in sample.objects}
    assert starts.num_objects == NUM_OBJECTS


@pytest.mark.parametrize(("name", "layout"), [("coco", "coco"), ("lvis", "lvis"), ("voc", "voc")])
def test_our_own_exports_are_sources_of_shards(name: str, layout: str, run: str, tmp_path: Path) -> None:
    run_export(spec(run, tmp_path / "out", name, images=True))
    sharded = run_shard(shard_spec(str(tmp_path / "out"), str(tmp_path / "again"), layout))
    dataset = sharded.dataset
    assert (dataset.num_samples, dataset.num_objects, dataset.num_quarantined) == (3, NUM_OBJECTS, 0)


def test_the_command_says_what_was_written(run: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["export", run, "--format", "coco", "--to", str(out)])
    assert done.exit_code == 0, done.output
    assert "6 masks on 3 images as coco, all of them read back" in done.output
    assert "every mask kept pixel for pixel" in done.output
    again = CliRunner().invoke(app, ["export", run, "--format", "coco", "--to", str(out)])
    assert again.exit_code == 1
    assert "is not empty" in again.output

"""A commit record says what content its shard had, whatever was clicked of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.click_logs.load import load_click_log
from infra.runs.run_directory import RunDirectory
from infra.shards.content_digest import ContentDigest, total
from tests.actors.labelling.labelled_shapes import STORAGE, label_all, new_run
from tests.actors.shapes import labeller, reader_of, shape_sample, write_shapes

NUM_SAMPLES = 6


def content_of(run: RunDirectory) -> ContentDigest:
    return total(ContentDigest.from_hex(record.content) for record in run.committed().values())


def labelled(
    folder: Path, samples_per_shard: int, num_samples: int = NUM_SAMPLES, broken: tuple[int, ...] = ()
) -> RunDirectory:
    manifest = write_shapes(
        str(folder / "data"),
        STORAGE,
        num_samples=num_samples,
        samples_per_shard=samples_per_shard,
        broken=broken,
    )
    run = new_run(folder / "run")
    shards = labeller(run, reader_of(manifest, STORAGE))
    label_all(shards, manifest)
    shards.close()
    return run


WHOLE = total(ContentDigest.of(shape_sample(index)) for index in range(NUM_SAMPLES))


@pytest.mark.parametrize("samples_per_shard", [1, 4, 6])
def test_shards_add_up_to_the_content_of_the_data_set(tmp_path: Path, samples_per_shard: int) -> None:
    assert content_of(labelled(tmp_path, samples_per_shard)) == WHOLE


def test_a_sample_less_or_a_broken_one_is_another_content(tmp_path: Path) -> None:
    assert content_of(labelled(tmp_path / "less", 6, num_samples=NUM_SAMPLES - 1)) != WHOLE
    assert content_of(labelled(tmp_path / "broken", 6, broken=(2,))) != WHOLE


def test_a_shard_that_is_done_again_has_the_same_content(tmp_path: Path) -> None:
    first = labelled(tmp_path / "first", 3)
    again = labelled(tmp_path / "again", 3)
    contents = [{name: record.content for name, record in run.committed().items()} for run in (first, again)]
    assert contents[0] == contents[1]
    assert len(set(contents[0].values())) == 2


def test_samples_that_a_click_log_leaves_out_count_all_the_same(tmp_path: Path) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=NUM_SAMPLES)
    sample = shape_sample(0)
    log = tmp_path / "clicks.jsonl"
    log.write_text(
        f'{{"sample_key": "{sample.key}", "object_id": "{sample.objects[0].object_id}", "y": 3, "x": 3, '
        '"is_foreground": true}\n'
    )
    run = new_run(tmp_path / "run")
    shards = labeller(run, reader_of(manifest, STORAGE), clicks=load_click_log(STORAGE, str(log)))
    label_all(shards, manifest)
    shards.close()
    assert sum(record.unclicked.samples for record in run.committed().values()) == NUM_SAMPLES - 1
    assert content_of(run) == WHOLE

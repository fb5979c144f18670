"""What benchmarks work with is the same everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actors.specs.bench import BenchSpec
from infra import rle
from infra.shards.image_file import decode_image
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from mfp.errors import ModelError
from pipelines.benchmarks.photographs import HEIGHT, WIDTH, photograph
from pipelines.benchmarks.subject import find_benched_model, name_of, samples_of, sessions_on
from pipelines.errors import OptionError

STORAGE = Storage()


def test_a_photograph_depends_on_its_number_alone() -> None:
    assert photograph(3) == photograph(3)
    assert photograph(3).image_bytes != photograph(4).image_bytes


@pytest.mark.parametrize("number", range(8))
def test_a_photograph_shows_an_object_that_differs_from_what_is_around_it(number: int) -> None:
    sample = photograph(number)
    image, mask = decode_image(sample.image_bytes), rle.decode(sample.objects[0].rle, HEIGHT, WIDTH)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert 0.02 < mask.mean() < 0.5
    assert np.abs(image[mask].mean(0) - image[~mask].mean(0)).max() > 5


def test_the_first_objects_of_a_data_set_are_clicked(tmp_path: Path) -> None:
    write_dataset([photograph(number) for number in (7, 8, 9)], str(tmp_path), STORAGE)
    spec = BenchSpec(name="engine", dataset=str(tmp_path), objects=2, clicks=4)
    sessions = sessions_on(samples_of(spec, STORAGE), 2, 4)
    assert [name_of(session) for session in sessions] == [
        ("photograph-00007", "1"),
        ("photograph-00008", "1"),
    ]
    assert {session.limits.max_clicks for session in sessions} == {4}
    assert {session.limits.target_iou for session in sessions} == {None}


def test_a_data_set_with_too_few_objects_is_refused(tmp_path: Path) -> None:
    write_dataset([photograph(1)], str(tmp_path), STORAGE)
    with pytest.raises(OptionError, match=r"--objects 2: .* has 1; ask for fewer"):
        samples_of(BenchSpec(name="engine", dataset=str(tmp_path), objects=2), STORAGE)


def test_random_weights_are_the_same_each_time() -> None:
    one, again = (find_benched_model("vit_tiny", STORAGE) for _ in range(2))
    assert one == again
    assert one.name == "vit_tiny"


def test_a_shipped_model_keeps_its_weights() -> None:
    assert find_benched_model("lite0", STORAGE).identity != find_benched_model("vit_tiny", STORAGE).identity
    with pytest.raises(ModelError, match="lite00"):
        find_benched_model("lite00", STORAGE)

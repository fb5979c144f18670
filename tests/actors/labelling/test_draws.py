"""Random draws belong to a seed, a sample and an object: rows depend on nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from actors.specs.clicks import Simulated
from actors.specs.start import Start, StartsFromDamage
from infra import rle
from infra.shards.sample import ObjectTruth, Sample
from mfp.session import SessionLimits
from tests.actors.labelling.started_shapes import (
    SAMPLES,
    Row,
    label,
    large_sample,
)


def test_damaged_truths_start_in_their_range_and_depend_on_their_seed_alone(tmp_path: Path) -> None:
    large = [large_sample()]
    runs = [
        label(
            tmp_path / name,
            large,
            starts=StartsFromDamage(),
            start=Start("damaged", damage_seed=damage_seed),
            seed=seed,
            batch_size=batch,
        )[0]
        for name, damage_seed, seed, batch in (("a", 1, 0, 1), ("b", 1, 5, 7), ("c", 2, 0, 4))
    ]
    for row in runs[0]["masks"]:
        assert 0.75 <= row["start_iou"] <= 0.85
        assert row["start"] == "mask"
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("user", ["distance-weighted", "jitter?pixels=40", "wrong-label?p=0.5"])
def test_rows_of_a_drawn_user_depend_on_the_seed_and_on_nothing_else(tmp_path: Path, user: str) -> None:
    def rows(name: str, seed: int, samples: Sequence[Sample], batch_size: int) -> list[Row]:
        made, _ = label(tmp_path / name, samples, clicks=Simulated(user), seed=seed, batch_size=batch_size)
        return made["clicks"]

    one = rows("one", 3, SAMPLES, 1)
    assert rows("two", 3, SAMPLES[::-1], 5) == one
    assert rows("three", 4, SAMPLES, 1) != one
    assert {row["is_clamped"] for row in one} == ({True, False} if "jitter" in user else {False})


def test_equal_objects_have_draws_and_damage_of_their_own(tmp_path: Path) -> None:
    sample = large_sample()
    twice = (sample.objects[0], ObjectTruth("again", sample.objects[0].rle))
    samples = [Sample(**{**vars(sample), "key": key, "objects": twice}) for key in ("a", "b")]
    once = SessionLimits(max_clicks=1, target_iou=None)
    drawn, _ = label(tmp_path / "drawn", samples, clicks=Simulated("uniform"), limits=once)
    assert len({(row["y"], row["x"]) for row in drawn["clicks"]}) == 4
    damaged, _ = label(
        tmp_path / "damaged", samples, starts=StartsFromDamage(), start=Start("damaged"), limits=once
    )
    assert len({row["start_iou"] for row in damaged["masks"]}) == 4


def test_an_object_too_small_for_the_damage_is_set_aside(tmp_path: Path) -> None:
    sample = large_sample()
    dot = np.zeros((120, 160), np.bool_)
    dot[50, 50] = True
    with_dot = Sample(**{**vars(sample), "objects": (*sample.objects, ObjectTruth("dot", rle.encode(dot)))})
    rows, _ = label(tmp_path / "run", [with_dot], starts=StartsFromDamage(), start=Start("damaged"))
    assert len(rows["masks"]) == 2
    assert [(row["object_id"], row["reason"], row["detail"]) for row in rows["errors"]] == [
        ("dot", "too_small", "no damage leaves its 1 pixels with an IoU of 0.75 to 0.85")
    ]

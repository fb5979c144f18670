from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import rle
from infra.errors import Reason
from infra.shards.content_digest import NO_CONTENT, ContentDigest, total
from infra.shards.sample import ObjectTruth, QuarantinedSample, Sample


def mask(*pixels: tuple[int, int]) -> bytes:
    drawn = np.zeros((4, 6), np.bool_)
    for pixel in pixels:
        drawn[pixel] = True
    return rle.encode(drawn)


ONE = ObjectTruth("1", mask((0, 0), (1, 1)))
OTHER = ObjectTruth("2", mask((3, 5)))
SAMPLE = Sample("a", b"image", "png", 4, 6, (ONE, OTHER), mask((2, 2)))
SAMPLES = [replace(SAMPLE, image_bytes=bytes([number])) for number in range(12)]


@given(st.permutations(SAMPLES), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_shards_add_up_to_the_same_however_samples_are_spread(
    samples: list[Sample], shard_of: list[int]
) -> None:
    shards = [
        total(ContentDigest.of(sample) for sample, at in zip(samples, shard_of, strict=True) if at == shard)
        for shard in range(4)
    ]
    assert total(shards) == total(map(ContentDigest.of, SAMPLES))


def test_keys_ids_and_the_order_of_objects_do_not_count() -> None:
    renamed = replace(SAMPLE, key="b", objects=(replace(OTHER, object_id="x"), replace(ONE, object_id="y")))
    assert ContentDigest.of(renamed) == ContentDigest.of(SAMPLE)


@pytest.mark.parametrize(
    "changed",
    [
        replace(SAMPLE, image_bytes=b"imagE"),
        replace(SAMPLE, objects=(replace(ONE, rle=mask((0, 0), (1, 2))), OTHER)),
        replace(SAMPLE, objects=(ONE,)),
        replace(SAMPLE, objects=(ONE, OTHER, OTHER)),
        replace(SAMPLE, ignore_rle=None),
        replace(SAMPLE, ignore_rle=mask((2, 3))),
        replace(SAMPLE, objects=(ONE, OTHER, ObjectTruth("3", mask((2, 2)))), ignore_rle=None),
    ],
)
def test_one_byte_or_one_pixel_changes_it(changed: Sample) -> None:
    assert ContentDigest.of(changed) != ContentDigest.of(SAMPLE)


def test_what_was_set_aside_counts_so_that_a_part_is_never_the_whole() -> None:
    record = QuarantinedSample("a", Reason.EMPTY_OBJECT, "no pixel", "2")
    part = ContentDigest.of(record) + ContentDigest.of(replace(SAMPLE, objects=(ONE,)))
    assert part != ContentDigest.of(SAMPLE)
    assert part != ContentDigest.of(replace(SAMPLE, objects=(ONE,)))


def test_a_sample_that_is_there_twice_counts_twice() -> None:
    once = ContentDigest.of(SAMPLE)
    assert once + once not in {once, NO_CONTENT}


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_sums_are_64_digits_that_are_read_back(one: int, other: int) -> None:
    digits = str(ContentDigest(one) + ContentDigest(other))
    assert len(digits) == 64
    assert ContentDigest.from_hex(digits).value == (one + other) % 2**256


@pytest.mark.parametrize("digits", ["", "0" * 63, "g" * 64, "-" + "1" * 63, "1_" + "1" * 62, "F" * 64])
def test_other_digits_are_refused(digits: str) -> None:
    with pytest.raises(ValueError, match=r"digest|invalid literal"):
        ContentDigest.from_hex(digits)

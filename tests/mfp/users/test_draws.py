from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mfp.users.draws import ClickSeed, drawn_idx, keyed_draw, weighted_idx

SEED = ClickSeed(7, "photo", "1")


class Fixed(np.random.Generator):
    """Draws one number for ever."""

    def __init__(self, value: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.value = value

    def random(self, *args: object, **kwargs: object) -> float:  # type: ignore[override]
        return self.value


LARGEST = Fixed(1 - 2.0**-53)


def test_the_first_numbers_are_those_of_every_version() -> None:
    draw = SEED.draw(0)
    assert [draw.random(), draw.random(), draw.standard_normal()] == [
        0.816969532665217,
        0.602168424238951,
        -0.6649822823279951,
    ]
    assert SEED.draw(1).random() == 0.7785339269711323


def test_a_click_draws_the_same_again() -> None:
    assert SEED.draw(3).random() == ClickSeed(7, "photo", "1").draw(3).random()


def test_every_part_of_the_key_counts_and_where_one_ends_does_too() -> None:
    keys = [
        (7, "photo", "1", 0),
        (8, "photo", "1", 0),
        (7, "photos", "1", 0),
        (7, "photo", "2", 0),
        (7, "photo", "1", 1),
        (7, "photo1", "", 0),
        (7, "", "photo1", 0),
        (77, "hoto", "1", 0),
    ]
    numbers = [ClickSeed(run, sample, name).draw(idx).random() for run, sample, name, idx in keys]
    assert len(set(numbers)) == len(keys)
    assert keyed_draw("click", 1).random() != keyed_draw("damage", 1).random()


def test_a_sample_key_may_hold_bytes_that_are_no_text() -> None:
    odd = b"photo\xff".decode("utf-8", "surrogateescape")
    assert ClickSeed(7, odd, "1").draw(0).random() != ClickSeed(7, "photo", "1").draw(0).random()


@given(st.integers(1, 2**40))
def test_an_index_is_never_as_large_as_their_number(num: int) -> None:
    assert drawn_idx(LARGEST, num) == num - 1
    assert drawn_idx(Fixed(0.0), num) == 0


@given(st.lists(st.floats(2.0**-10, 2.0**10, width=32), min_size=1, max_size=50))
def test_a_weighted_index_is_one_of_the_weights(weights: list[float]) -> None:
    array = np.array(weights, np.float32)
    assert weighted_idx(Fixed(0.0), array) == 0
    assert weighted_idx(LARGEST, array) == len(weights) - 1


def test_a_weighted_index_is_the_one_whose_share_holds_the_number() -> None:
    weights = np.array([1, 2, 1], np.float32)
    drawn = [weighted_idx(Fixed(number), weights) for number in (0.0, 0.2499, 0.25, 0.7499, 0.75, 0.9999)]
    assert drawn == [0, 0, 1, 1, 2, 2]


def test_clicks_of_one_object_draw_numbers_that_are_spread_evenly() -> None:
    numbers = [
        ClickSeed(0, str(sample), "1").draw(idx).random()
        for sample, idx in itertools.product(range(250), range(20))
    ]
    counts, _ = np.histogram(numbers, bins=10, range=(0, 1))
    assert ((counts - 500) ** 2 / 500).sum() < 27.9  # chi-square, 9 degrees of freedom, 1 in 1,000

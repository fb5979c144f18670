"""The promise of a certificate, by simulation: 1,000 seeded audits of populations whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mfp.certificate import AuditedSet, certified_set, fewest_audited, nested_sets, nested_sizes
from mfp.promise import Promise

NUM_DRAWS = 1_000
MOST_FAILURES = 71  # 5 % of them, and three standard deviations of that
NUM_MASKS, NUM_AUDITED = 2_000, 200
PROMISE = Promise()

Population = tuple[NDArray[np.float64], NDArray[np.bool_]]  # quality, and which masks are bad


def good_quality(rng: np.random.Generator) -> Population:
    """Masks are good with the probability that their quality says: 79 % of them, and 95 % of the best 74 %.

    About as the masks of lite0 after three clicks (docs/certify.md).
    """
    quality = 1 / (1 + np.exp(-rng.normal(3, 3, NUM_MASKS)))
    return quality, rng.random(NUM_MASKS) > quality


def weak_quality(rng: np.random.Generator) -> Population:
    """As above, but the largest set that keeps the promise is no larger than the first that is tested."""
    quality = rng.beta(5, 1, NUM_MASKS)
    return quality, rng.random(NUM_MASKS) > quality


def useless_quality(share: float) -> Callable[[np.random.Generator], Population]:
    def draw(rng: np.random.Generator) -> Population:
        return rng.random(NUM_MASKS), rng.permutation(NUM_MASKS) >= share * NUM_MASKS

    return draw


def misleading_quality(rng: np.random.Generator) -> Population:
    """The better the quality, the worse the mask."""
    quality = rng.beta(5, 1, NUM_MASKS)
    return 1 - quality, rng.random(NUM_MASKS) > quality


def nearly_good_first_set(rng: np.random.Generator) -> Population:
    """The worst case of the test: the first set has one bad mask too many, and no later one is better."""
    bad = np.zeros(NUM_MASKS, np.bool_)
    first = int(nested_sizes(NUM_MASKS, NUM_AUDITED, PROMISE)[0])
    bad[: PROMISE.most_bad(first) + 1] = True
    bad[first:] = rng.random(NUM_MASKS - first) < 0.06
    return np.linspace(1, 0, NUM_MASKS), bad


def good_then_bad(rng: np.random.Generator) -> Population:
    """The best tenth is bad, whatever its quality says; the rest is good."""
    quality = rng.random(NUM_MASKS)
    return quality, quality > 0.9


def drawn_sets(
    population: Callable[[np.random.Generator], Population], num_audited: int = NUM_AUDITED
) -> list[tuple[float, float]]:
    """Of each audit: the share of the masks that it certified, and the share of good ones among those."""
    quality, is_bad = population(np.random.default_rng(7))
    drawn = []
    for seed in range(NUM_DRAWS):
        is_audited = np.zeros(NUM_MASKS, np.bool_)
        is_audited[np.random.default_rng(seed).choice(NUM_MASKS, num_audited, replace=False)] = True
        certified = certified_set(nested_sets(quality, is_audited, is_bad & is_audited, PROMISE), PROMISE)
        if certified is None:
            drawn.append((0.0, 1.0))
        else:
            of = quality >= certified.min_quality
            assert of.sum() == certified.num_masks
            drawn.append((float(of.mean()), float((~is_bad[of]).mean())))
    return drawn


@pytest.mark.parametrize(
    ("population", "fewest", "most"),
    [
        (good_quality, 0.45, 0.74),
        (weak_quality, 0.0, 0.03),
        (useless_quality(0.99), 0.5, 0.65),
        (useless_quality(0.95), 0.0, 0.08),
        (useless_quality(0.94), 0.0, 0.06),
        (useless_quality(0.8), 0.0, 0.001),
        (misleading_quality, 0.0, 0.001),
        (nearly_good_first_set, 0.0, 0.06),
        (good_then_bad, 0.0, 0.001),
    ],
    ids=[
        "good",
        "weak",
        "useless, 99 %",
        "useless, 95 %",
        "useless, 94 %",
        "useless, 80 %",
        "misleading",
        "worst",
        "late",
    ],
)
def test_the_promise_fails_in_no_more_draws_than_it_may_and_good_quality_certifies_much(
    population: Callable[[np.random.Generator], Population], fewest: float, most: float
) -> None:
    drawn = drawn_sets(population)
    failures = sum(good < PROMISE.share for _, good in drawn)
    certified = np.mean([share for share, _ in drawn])
    print(f"{failures} failures, {certified:.3f} certified")  # noqa: T201
    assert failures <= MOST_FAILURES
    assert fewest <= certified <= most


def test_a_small_audit_of_good_masks_tests_the_whole_set_alone() -> None:
    assert list(nested_sizes(1_000, 60, PROMISE)) == [1_000]
    is_audited = np.arange(1_000) % 16 == 0  # 63 of them
    sets = nested_sets(np.linspace(0, 1, 1_000), is_audited, np.zeros(1_000, np.bool_), PROMISE)
    assert [one.num_masks for one in sets] == [1_000]
    assert certified_set(sets, PROMISE) == sets[0]
    with_one_bad = nested_sets(np.linspace(0, 1, 1_000), is_audited, np.arange(1_000) == 16, PROMISE)
    assert certified_set(with_one_bad, PROMISE) is None


def test_the_first_set_is_expected_to_hold_what_one_bad_mask_may_be_among() -> None:
    assert nested_sizes(2_000, 200, PROMISE)[0] == 930, (
        "93 of 200 audited masks: 0.95^93 + 93 0.05 0.95^92 < 0.05"
    )
    assert nested_sizes(2_000, 200, PROMISE)[-1] == 2_000


def test_an_audit_of_every_mask_certifies_what_is_good_enough_and_no_more() -> None:
    is_bad = np.zeros(2_000, np.bool_)
    is_bad[1_500:] = True
    sets = nested_sets(np.linspace(1, 0, 2_000), np.ones(2_000, np.bool_), is_bad, PROMISE)
    certified = certified_set(sets, PROMISE)
    assert certified is not None
    assert certified.num_masks == max(one.num_masks for one in sets if one.num_bad <= 0.05 * one.num_masks)


def test_masks_of_one_quality_stand_or_fall_together() -> None:
    quality = np.repeat([0.9, 0.5], [700, 300])
    sets = nested_sets(quality, np.arange(1_000) % 5 == 0, np.zeros(1_000, np.bool_), PROMISE)
    assert [(one.min_quality, one.num_masks) for one in sets] == [(0.9, 700), (0.5, 1_000)]


def test_without_masks_there_is_no_set() -> None:
    nothing = np.zeros(0)
    assert nested_sets(nothing, nothing.astype(bool), nothing.astype(bool), PROMISE) == ()
    assert certified_set((), PROMISE) is None


def test_without_an_audit_nothing_is_certified() -> None:
    nobody = np.zeros(100, np.bool_)
    sets = nested_sets(np.linspace(0, 1, 100), nobody, nobody, PROMISE)
    assert certified_set(sets, PROMISE) is None


def test_a_set_after_one_that_failed_is_not_certified() -> None:
    sets = tuple(AuditedSet(0.9 - i / 10, 100 * (i + 1), 10, 0, p) for i, p in enumerate((0.01, 0.2, 0.01)))
    assert certified_set(sets, PROMISE) == sets[0]


@given(st.integers(1, 9), st.data())
@settings(deadline=None, max_examples=60)
def test_a_p_value_is_the_share_of_audits_with_so_few_bad_masks(size: int, data: st.DataObject) -> None:
    """Counted out: every audit of a set that breaks the promise as narrowly as it can."""
    promise = Promise(share=data.draw(st.sampled_from([0.5, 0.75, 0.9])))
    num_audited = data.draw(st.integers(1, size))
    num_bad = data.draw(st.integers(0, num_audited))
    is_audited, is_bad = np.arange(size) < num_audited, np.arange(size) < num_bad
    (one,) = nested_sets(np.ones(size), is_audited, is_bad, promise)
    too_many = promise.most_bad(size) + 1
    draws = [sum(mask < too_many for mask in draw) for draw in combinations(range(size), num_audited)]
    assert one.p_value == pytest.approx(np.mean([found <= num_bad for found in draws]))


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.2))
@settings(deadline=None, max_examples=40)
def test_one_more_bad_mask_in_the_audit_never_certifies_more(seed: int, share_bad: float) -> None:
    rng = np.random.default_rng(seed)
    quality, is_audited = rng.random(500), rng.random(500) < 0.4
    is_bad = (rng.random(500) < share_bad) & is_audited
    more = is_bad.copy()
    more[rng.choice(np.flatnonzero(is_audited))] = True
    before, after = (
        certified_set(nested_sets(quality, is_audited, bad, PROMISE), PROMISE) for bad in (is_bad, more)
    )
    assert (0 if after is None else after.num_masks) <= (0 if before is None else before.num_masks)


@pytest.mark.parametrize("share", [1e-12, 1e-300, 0.5, 1 - 1e-12])
def test_however_much_is_promised_no_set_is_certified_of_which_every_mask_was_found_bad(share: float) -> None:
    promise = Promise(share=share)
    everything = np.ones(10, np.bool_)
    sets = nested_sets(np.linspace(0, 1, 10), everything, everything, promise)
    assert all(one.p_value == 1 for one in sets)
    assert certified_set(sets, promise) is None


@pytest.mark.parametrize("promise", [PROMISE, Promise(share=0.5, confidence=0.6), Promise(share=0.99)])
@pytest.mark.parametrize("num_masks", [1, 7, 60, 300, NUM_MASKS])
def test_the_fewest_audited_masks_certify_all_if_none_is_bad_and_one_fewer_none(
    num_masks: int, promise: Promise
) -> None:
    def certified(num_audited: int) -> int:
        is_audited = np.arange(num_masks) < num_audited
        sets = nested_sets(np.linspace(1, 0, num_masks), is_audited, np.zeros(num_masks, np.bool_), promise)
        return found.num_masks if (found := certified_set(sets, promise)) else 0

    fewest = fewest_audited(num_masks, promise)
    assert certified(fewest) == num_masks
    assert certified(fewest - 1) == 0


def test_the_default_promise_needs_57_of_2000_masks() -> None:
    assert fewest_audited(NUM_MASKS, PROMISE) == 57

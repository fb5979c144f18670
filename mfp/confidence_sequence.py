"""Bounds of a mean over a finite population that hold at all times while it is drawn without replacement.

The population are S shards in random order. Each has a value whose bounds are known before it is drawn, and differ from
shard to shard. After every draw there is an interval for the mean of all S values. With probability 1 - alpha all of
these intervals hold the mean, so that whoever looks after every draw, and stops if they like what they see, errs no
more often than alpha.

The method is betting: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86
(2024), there the section on sampling without replacement, and "Confidence sequences for sampling without
replacement", NeurIPS 2020. To test that the mean is m, let x_i be the values drawn before the t-th. The shards that
are left then have the mean

    mu_t(m) = (S m - sum of x_i) / (S - t + 1)

Let v_s = x_s - low_s + h_s, with the shard's own lower bound low_s and a constant h_s >= 0 that is known beforehand.
It is never negative, and its mean over the shards that are left is e_t(m) = mu_t(m) - mean(low_s - h_s): all of that
is known before the draw, except whether m is true. If m is true, v_s / e_t(m) of the shard that is drawn has
expectation 1 given the past, since every shard that is left is as likely as every other. So

    K_t(m) = product over the draws of (1 - theta + theta v / e(m)),   0 <= theta <= 1

starts at 1, is never negative and is a martingale: it ever reaches 1 / a with probability a at most (Ville). That the
bounds differ by shard does no harm, because they enter as constants of each shard: no common bound of all values is
needed. The paper bets lambda = theta / (mu - min(low)) on x - mu, which is the second of the two choices here:

- h_s = 0 takes each shard by its own bound;
- h_s = low_s - min(low) takes all by the lowest bound that is left: less room to bet, less noise from what is known
  of the shards anyway.

Which of them, and which theta, is best depends on what is not known. The mean of several such products is a
martingale too, and loses little to the best of them (the paper's "diversified Kelly"). K_t(m) falls as m rises,
hence what it does not reject is everything above a bound, which a search by parts finds. The upper bound is the same
of the values negated. Each side has alpha / 2.

A value of which only bounds are known (an object could not be evaluated) counts as its lower bound for the lower bound
of the mean, and as its upper for the upper: K_t(m) rises with every value, so it is then no larger than with the true
values, whatever they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfp.bootstrap import Interval

ALPHA = 0.05
_THETAS = (0.125, 0.25, 0.5, 1.0)
_ROUNDS, _TRIED_AT_ONCE = 5, 16  # a bound is found to a millionth of what is certain, on the safe side

Values = NDArray[np.float64]


@dataclass(frozen=True)
class DrawnPopulation:
    """A population, in the order in which it is drawn, as far as that is done.

    Attributes:
        lowest, highest: (S,) float64, the bounds of each value, known before anything is drawn; S of 1 or more.
        at_least, at_most: (t,) float64, t <= S: what is known of the values that were drawn, within the bounds. The two
            are the same if the value is known.
    """

    lowest: Values
    highest: Values
    at_least: Values
    at_most: Values

    @property
    def size(self) -> int:
        """S."""
        return len(self.lowest)

    @property
    def num_drawn(self) -> int:
        """Values that are drawn."""
        return len(self.at_least)

    def first(self, num_drawn: int) -> DrawnPopulation:
        """The same when no more than these were drawn."""
        return DrawnPopulation(self.lowest, self.highest, self.at_least[:num_drawn], self.at_most[:num_drawn])

    @property
    def certain(self) -> Interval:
        """What the mean is between for sure: the values that are left lie within their bounds."""
        drawn = self.num_drawn
        low = math.fsum(self.at_least) + math.fsum(self.lowest[drawn:])
        high = math.fsum(self.at_most) + math.fsum(self.highest[drawn:])
        return Interval(low / self.size, high / self.size)


def confidence_sequence(population: DrawnPopulation, alpha: float = ALPHA) -> Iterator[Interval]:
    """Yield the interval of the mean before the first draw, and after each.

    See `narrowed`. Once everything is drawn, and every value known, the interval is the mean.
    """
    interval = population.first(0).certain
    yield interval
    for num_drawn in range(1, population.num_drawn + 1):
        interval = narrowed(interval, population.first(num_drawn), alpha)
        yield interval


def narrowed(before: Interval, population: DrawnPopulation, alpha: float = ALPHA) -> Interval:
    """The interval after one more draw, from that before it: every interval lies in the one before.

    Only if the sequence is one of those, at most alpha of them, that miss the mean, what is certain may come to lie
    outside of it; then the interval is the nearest end of what is certain.

    Args:
        before: what this function, or `certain` of nothing drawn, has yielded for one draw less.
        population: with the last draw.
        alpha: probability that any interval misses the mean, in (0, 1).
    """
    certain = population.certain
    low = _lower(max(before.low, certain.low), population, alpha / 2)
    negated = DrawnPopulation(
        -population.highest, -population.lowest, -population.at_most, -population.at_least
    )
    high = -_lower(max(-before.high, -certain.high), negated, alpha / 2)
    return Interval(min(low, certain.high), max(high, certain.low))


def _lower(at_least: float, population: DrawnPopulation, alpha: float) -> float:
    """The lower bound of the mean, not below one that is known already: the smallest mean that is not rejected."""
    drawn, certain = population.num_drawn, population.certain
    if drawn == population.size or at_least >= certain.high:
        return at_least
    bets = _Bets.of(population)
    limit = -math.log(alpha)
    # a hair above what is certain: there the expectation of the values left may be 0
    low = max(at_least, certain.low + 1e-12 * max(1.0, certain.high - certain.low))
    if bets.log_capital(np.array([low]))[0] < limit:
        return at_least
    high = certain.high
    for _ in range(_ROUNDS):
        means = np.linspace(low, high, _TRIED_AT_ONCE + 2)
        num_rejected = int(np.count_nonzero(bets.log_capital(means[1:-1]) >= limit))  # the lowest of them
        low, high = float(means[num_rejected]), float(means[num_rejected + 1])
    return low


@dataclass(frozen=True)
class _Bets:
    """What every bet so far was about; K of a mean m is computed from it.

    Attributes:
        size: S.
        before: (t,) sum of the values drawn before each draw.
        left: (t,) number of shards left before each draw.
        above: (2, t) v of the shard drawn, by choice of h.
        floor: (2, t) mean(low_s - h_s) over the shards left before each draw.
    """

    size: int
    before: Values
    left: Values
    above: Values
    floor: Values

    @classmethod
    def of(cls, population: DrawnPopulation) -> _Bets:
        drawn, size = population.num_drawn, population.size
        values, lowest = population.at_least, population.lowest
        left = size - np.arange(drawn, dtype=np.float64)
        own = np.cumsum(lowest[::-1])[::-1][:drawn] / left
        common = np.minimum.accumulate(lowest[::-1])[::-1][:drawn]
        return cls(
            size=size,
            before=np.cumsum(values) - values,
            left=left,
            above=np.maximum(np.stack([values - lowest[:drawn], values - common]), 0.0),
            floor=np.stack([own, common]),
        )

    def log_capital(self, means: Values) -> Values:
        """log K after the last draw for each of some means, (k,): an equal share to every choice of h and theta."""
        of_left = (self.size * means[:, None] - self.before) / self.left
        expected = of_left[:, None] - self.floor  # (k, 2, t)
        tiny = np.finfo(np.float64).tiny
        ratio = self.above / np.maximum(expected, tiny)
        logs = [np.log(np.maximum(1 - theta + theta * ratio, tiny)).sum(axis=-1) for theta in _THETAS]
        num_bets = len(_THETAS) * len(self.above)
        total: Values = np.logaddexp.reduce(np.concatenate(logs, axis=1), axis=1)
        return total - math.log(num_bets)

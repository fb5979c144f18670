"""The learning rate over a run."""

from __future__ import annotations

import pytest

from mfp.training.schedule import Schedule


def _factors(schedule: Schedule) -> list[float]:
    return [schedule.factor(step) for step in range(schedule.num_steps + 1)]


def test_cosine_warms_up_and_ends_at_a_hundredth() -> None:
    factors = _factors(Schedule("cosine", 1000, warm_up_steps=100))
    assert factors[0] < 0.02
    assert max(factors) == factors[99]
    assert factors[-1] == pytest.approx(0.01)


def test_step_falls_to_a_tenth_at_each_mark_and_nowhere_else() -> None:
    factors = _factors(Schedule("step", 10, warm_up_steps=0, step_at=(4, 8)))
    assert factors == pytest.approx([1.0] * 4 + [0.1] * 4 + [0.01] * 3)


def test_a_stable_run_can_be_made_longer_without_a_change_to_what_it_has_done_and_be_ended() -> None:
    short, long = (Schedule("stable", steps, warm_up_steps=5) for steps in (50, 500))
    assert _factors(short) == _factors(long)[:51]
    assert _factors(long)[5:] == [1.0] * 496
    ended = _factors(Schedule("stable", 500, warm_up_steps=5, decay_steps=100))
    assert ended[:401] == _factors(long)[:401]
    assert ended[450] == pytest.approx(0.505)
    assert ended[-1] == pytest.approx(0.01)

"""Signals while Ray is in use: noted, looked at by loops, taken by the handler from before."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from actors.stop_request import StopRequested, check_stop, noted_signals


class TerminatedError(BaseException):
    """What the handler from before raises."""


@pytest.fixture
def handler() -> Iterator[None]:
    """SIGTERM raises TerminatedError, as the command line has it."""

    def leave(number: int, frame: object) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, leave)
    yield
    assert signal.getsignal(signal.SIGTERM) is leave
    signal.signal(signal.SIGTERM, before)


def test_a_signal_raises_nothing_until_a_loop_looks(handler: None) -> None:
    steps = []
    with pytest.raises(TerminatedError), noted_signals():
        check_stop()
        signal.raise_signal(signal.SIGTERM)
        steps.append("went on")
        check_stop()
        steps.append("never")
    assert steps == ["went on"]


def test_a_signal_is_taken_at_the_end_of_a_block_that_never_looks(handler: None) -> None:
    with pytest.raises(TerminatedError), noted_signals():
        signal.raise_signal(signal.SIGTERM)


def test_ctrl_c_is_a_keyboard_interrupt_again_at_the_end() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), noted_signals():
            signal.raise_signal(signal.SIGINT)
            check_stop()
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_fails_after_a_signal_is_a_consequence_of_it(handler: None) -> None:
    with pytest.raises(TerminatedError), noted_signals():
        signal.raise_signal(signal.SIGTERM)
        raise SystemError("returned a result with an exception set")
    with pytest.raises(SystemError), noted_signals():
        raise SystemError("before any signal it is a defect")


def test_a_block_inside_another_ends_both(handler: None) -> None:
    steps = []
    with pytest.raises(TerminatedError), noted_signals():
        with noted_signals():
            signal.raise_signal(signal.SIGTERM)
        steps.append("never")
    assert not steps


def test_a_handler_from_before_that_returns_does_not_let_the_block_pass_for_done() -> None:
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        with pytest.raises(StopRequested), noted_signals():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_that_rays_own_handler_takes_reaches_the_one_from_before(handler: None) -> None:
    with pytest.raises(TerminatedError), noted_signals():
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))  # what `ray.init` begins with
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(SystemExit), noted_signals():
        sys.exit(1)  # somebody else's


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with noted_signals():
            signal.raise_signal(signal.SIGINT)
            check_stop()
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_are_left_alone(handler: None) -> None:
    raised: list[BaseException] = []

    def other() -> None:
        try:
            with noted_signals():
                check_stop()
        except BaseException as error:
            raised.append(error)

    with pytest.raises(TerminatedError), noted_signals():
        signal.raise_signal(signal.SIGTERM)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert not raised

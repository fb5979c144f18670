"""Waiting for events: a test waits for what is to happen, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE_SECONDS = 0.02

HANGS = 900.0
"""Seconds after which a wait is taken for one that never ends. A working one takes a small part of it, also at a load
of 10; the limit only keeps a defect from holding up the suite for ever."""


def wait_until(condition: Callable[[], bool], check_alive: Callable[[], object] = lambda: None) -> None:
    """Return once the condition holds.

    `check_alive` raises if it can hold no more, such as after the end of the process that was to bring it about.

    Raises:
        AssertionError: It did not hold within `HANGS` seconds.
    """
    begun = time.monotonic()
    while not condition():
        check_alive()
        assert time.monotonic() - begun < HANGS, "the condition never held"
        time.sleep(PAUSE_SECONDS)

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from infra.errors import Reason, SampleError, StorageError
from infra.layouts.read_ahead import NUM_AHEAD, NUM_THREADS, read_in_order
from infra.shards.sample import QuarantinedSample
from tests.waiting import HANGS


def record(key: str, object_id: str | None = None) -> QuarantinedSample:
    return QuarantinedSample(key, Reason.EMPTY_OBJECT, "detail", object_id)


def test_items_keep_the_order_of_their_keys() -> None:
    def read_one(key: str) -> Iterator[QuarantinedSample]:
        time.sleep(0.002 * (int(key) % 3))
        yield record(key, "1")
        yield record(key)

    keys = [str(idx) for idx in range(100)]
    expected = [item for key in keys for item in (record(key, "1"), record(key))]
    assert list(read_in_order(keys, read_one)) == expected


def test_a_broken_sample_is_a_record_and_the_rest_goes_on() -> None:
    def read_one(key: str) -> list[QuarantinedSample]:
        if key == "b":
            raise SampleError(Reason.MISSING_MASK, "why")
        return [record(key)]

    assert list(read_in_order("abc", read_one)) == [
        record("a"),
        QuarantinedSample("b", Reason.MISSING_MASK, "why"),
        record("c"),
    ]


def test_any_other_error_ends_the_reading() -> None:
    def read_one(key: str) -> list[QuarantinedSample]:
        raise StorageError("gone")

    with pytest.raises(StorageError, match="gone"):
        list(read_in_order("abc", read_one))


def test_no_more_is_read_than_may_be_held() -> None:
    started = 0
    lock = threading.Lock()

    def read_one(key: str) -> list[QuarantinedSample]:
        nonlocal started
        with lock:
            started += 1
        return [record(key)]

    items = read_in_order((str(idx) for idx in range(1000)), read_one)
    for _ in range(5):
        next(items)
    time.sleep(0.05)
    assert started <= 5 + NUM_AHEAD


def test_waits_overlap() -> None:
    together = threading.Barrier(NUM_THREADS, timeout=HANGS)

    def read_one(key: str) -> list[QuarantinedSample]:
        together.wait()  # breaks unless that many reads are under way
        return [record(key)]

    assert len(list(read_in_order([str(idx) for idx in range(NUM_THREADS)], read_one))) == NUM_THREADS


def test_leaving_early_ends_the_threads() -> None:
    items = read_in_order("abcdef", lambda key: [record(key)])
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]

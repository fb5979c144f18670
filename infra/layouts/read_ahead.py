"""Samples read by several threads and yielded in order: from a bucket, most of the time is waiting for answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TypeAlias, TypeVar

from infra.errors import SampleError
from infra.layouts.layout import SourceItem
from infra.shards.sample import QuarantinedSample

SampleReader: TypeAlias = Callable[[str], Iterable[SourceItem]]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

NUM_THREADS = 8
NUM_AHEAD = 16  # samples held at a time


def read_in_order(keys: Iterable[str], read_one: SampleReader) -> Iterator[SourceItem]:
    """Yield what `read_one` gives for each key, in the order of the keys.

    Args:
        keys: keys of samples.
        read_one: called in threads; a SampleError becomes the record of its key, any other error ends the reading.

    """
    for items in results_in_order(keys, partial(_read, read_one=read_one)):
        yield from items


def results_in_order(items: Iterable[_Item], work: Callable[[_Item], _Result]) -> Iterator[_Result]:
    """Yield what `work`, which is called in threads, returns for each item, in the order of the items."""
    remaining = iter(items)
    pool = ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="read-ahead")
    try:
        waiting: deque[Future[_Result]] = deque(
            pool.submit(work, item) for item in islice(remaining, NUM_AHEAD)
        )
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(work, item) for item in islice(remaining, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def _read(key: str, read_one: SampleReader) -> list[SourceItem]:
    try:
        return list(read_one(key))
    except SampleError as error:
        return [QuarantinedSample(key, error.reason, error.detail)]

"""Samples read by several threads and yielded in order: from a bucket, most of the time is waiting for answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeAlias

from infra.errors import SampleError
from infra.layouts.layout import SourceItem
from infra.shards.sample import QuarantinedSample

SampleReader: TypeAlias = Callable[[str], Iterable[SourceItem]]

NUM_THREADS = 8
NUM_AHEAD = 16  # samples held at a time


def read_in_order(keys: Iterable[str], read_one: SampleReader) -> Iterator[SourceItem]:
    """Yield what `read_one` gives for each key, in the order of the keys.

    Args:
        keys: keys of samples.
        read_one: called in threads; a SampleError becomes the record of its key, any other error ends the reading.

    """
    remaining = iter(keys)
    pool = ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="read-ahead")
    try:
        waiting: deque[Future[list[SourceItem]]] = deque(
            pool.submit(_read, key, read_one) for key in islice(remaining, NUM_AHEAD)
        )
        while waiting:
            yield from waiting.popleft().result()
            waiting.extend(pool.submit(_read, key, read_one) for key in islice(remaining, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def _read(key: str, read_one: SampleReader) -> list[SourceItem]:
    try:
        return list(read_one(key))
    except SampleError as error:
        return [QuarantinedSample(key, error.reason, error.detail)]

from __future__ import annotations

import threading

import pytest

from actors.labelling.pixel_queue import PixelQueue
from tests.waiting import HANGS


def in_thread(queue: PixelQueue[str], item: str, num_pixels: int) -> tuple[threading.Thread, list[bool]]:
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(queue.put(item, num_pixels)))
    thread.start()
    return thread, results


def test_items_come_out_in_order() -> None:
    queue: PixelQueue[str] = PixelQueue(10)
    for item in "abc":
        assert queue.put(item, 3)
    assert [queue.get(wait=True) for _ in range(3)] == ["a", "b", "c"]
    assert queue.get(wait=False) is None


def test_put_waits_until_its_pixels_fit() -> None:
    queue: PixelQueue[str] = PixelQueue(10)
    queue.put("a", 8)
    thread, results = in_thread(queue, "b", 4)
    thread.join(0.1)
    assert thread.is_alive()
    assert queue.num_pixels == 8
    assert queue.get(wait=True) == "a"
    thread.join(HANGS)
    assert results == [True]
    assert queue.num_pixels == 4


@pytest.mark.parametrize("num_pixels", [0, 50])
def test_items_without_pixels_and_a_huge_item_in_an_empty_queue_do_not_wait(num_pixels: int) -> None:
    queue: PixelQueue[str] = PixelQueue(10)
    if num_pixels == 0:
        queue.put("full", 10)
    assert queue.put("a", num_pixels)


def test_closing_lets_go_of_whoever_waits() -> None:
    queue: PixelQueue[str] = PixelQueue(10)
    queue.put("a", 10)
    thread, results = in_thread(queue, "b", 1)
    queue.close()
    thread.join(HANGS)
    assert results == [False]
    assert queue.is_closed
    assert queue.get(wait=True) is None

"""A queue between two threads that is bounded by decoded pixels instead of by items."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class PixelQueue(Generic[Item]):
    """First in, first out; `put` waits while the waiting items hold too many pixels.

    A single item larger than the limit passes once the queue is empty, so a huge image slows a worker down
    but does not stop it. Items of 0 pixels never wait.
    """

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._items: deque[tuple[Item, int]] = deque()
        self._num_pixels = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def num_pixels(self) -> int:
        """Pixels that wait in the queue now."""
        with self._changed:
            return self._num_pixels

    @property
    def is_closed(self) -> bool:
        """Nothing will come any more."""
        with self._changed:
            return self._closed

    def put(self, item: Item, num_pixels: int) -> bool:
        """Append an item as soon as its pixels fit; False when the queue was closed instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room_for(num_pixels))
            if self._closed:
                return False
            self._items.append((item, num_pixels))
            self._num_pixels += num_pixels
            self._changed.notify_all()
            return True

    def get(self, *, wait: bool) -> Item | None:
        """Take the oldest item; None when there is none (without `wait`) or the queue was closed."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._closed or bool(self._items))
            if not self._items:
                return None
            item, num_pixels = self._items.popleft()
            self._num_pixels -= num_pixels
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Let go of every waiting item and of both threads."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._num_pixels = 0
            self._changed.notify_all()

    def _has_room_for(self, num_pixels: int) -> bool:
        return num_pixels == 0 or self._num_pixels == 0 or self._num_pixels + num_pixels <= self._max_pixels

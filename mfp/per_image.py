"""Values that belong to images: made once for an image, found again by whoever comes to it next."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mfp.click_model import Image

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, eq=False)
class Kept(Generic[ValueT]):
    """A value and its image. Whoever works on the image holds this object, which keeps the value."""

    value: ValueT
    image: weakref.ref[Image]


class PerImage(Generic[ValueT]):
    """One value for each image array, as long as somebody holds it, and for the newest images a while longer.

    Images are the same if they are the same array. No image is kept alive, and the values of one that is gone go too.
    """

    def __init__(self, make: Callable[[Image], ValueT], num_newest: int) -> None:
        """`make` gives an image its value; the values of the `num_newest` images asked for last need no holder."""
        self._make = make
        self._num_newest = num_newest
        self._held: weakref.WeakValueDictionary[int, Kept[ValueT]] = weakref.WeakValueDictionary()
        self._newest: OrderedDict[int, Kept[ValueT]] = OrderedDict()

    def of(self, image: Image) -> Kept[ValueT]:
        """The value of an image, made now if there is none."""
        key = id(image)
        kept = self._held.get(key)
        if kept is None or kept.image() is not image:
            kept = Kept(self._make(image), weakref.ref(image, self._forgetting(key)))
            self._held[key] = kept
        self._newest[key] = kept
        self._newest.move_to_end(key)
        while len(self._newest) > self._num_newest:
            self._newest.popitem(last=False)
        return kept

    def _forgetting(self, key: int) -> Callable[[object], None]:
        newest = self._newest

        def forget(_: object) -> None:
            newest.pop(key, None)

        return forget

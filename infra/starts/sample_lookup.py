"""How the key of a sample leads to the masks or boxes that it starts from, whatever their files call the sample."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_NUMBERED = re.compile(r"(?:COCO_[A-Za-z0-9]+_)?(\d{12})", re.ASCII)
_SPLIT = re.compile(r"(?:train|val|test|unlabeled)\d{4}", re.ASCII)


class SampleLookup(Protocol):
    """Finds the entries of sorted keys that belong to a sample."""

    @property
    def name(self) -> str:
        """A word for the rule, which is part of the fingerprint of starts."""

    def positions(self, keys: pa.Array, sample_key: str) -> Sequence[int]:
        """Return the positions in `keys` of what belongs to a sample; its key is composed (NFC)."""

    def object_id(self, sample_key: str, start_key: str, object_id: str) -> str:
        """Return how an object of the entry `start_key` is called in the sample."""


class ByKey:
    """The files have the keys of the samples."""

    name = "key"

    def positions(self, keys: pa.Array, sample_key: str) -> Sequence[int]:
        """Return the position of the same key."""
        return _position(keys, sample_key)

    def object_id(self, sample_key: str, start_key: str, object_id: str) -> str:
        """Return the id as it is."""
        return object_id


class ByImageId(ByKey):
    """The files have the ids of images, as COCO's results have.

    An id is the key of a sample, or the number in a name of COCO's, of 12 digits: 139 belongs to `139`,
    `000000000139` and `COCO_val2014_000000000139`, also in a folder of COCO's, such as `val2017`. In other folders it
    belongs to none: image 1 is not each of `cats/1` and `dogs/1`.
    """

    name = "image_id"

    def positions(self, keys: pa.Array, sample_key: str) -> Sequence[int]:
        """Return the position of the first of these ids that is there."""
        if found := _position(keys, sample_key):
            return found
        folder, _, name = sample_key.rpartition("/")
        number = _NUMBERED.fullmatch(name)
        if number is None or (folder and not _SPLIT.fullmatch(folder)):
            return ()
        return _position(keys, number[1]) or _position(keys, number[1].lstrip("0") or "0")


class ByMaskFile(ByKey):
    """The files are masks, `KEY.png`, or `KEY/OBJECT.png` if each is an object of the sample KEY."""

    name = "mask_file"

    def positions(self, keys: pa.Array, sample_key: str) -> Sequence[int]:
        """Return the position of the same key, else those of the files in the folder of that name."""
        if found := _position(keys, sample_key):
            return found
        first, last = (bisect_left(keys, f"{sample_key}{after}", key=_text) for after in ("/", "0"))
        inside = len(sample_key) + 1
        return [index for index in range(first, last) if "/" not in keys[index].as_py()[inside:]]

    def object_id(self, sample_key: str, start_key: str, object_id: str) -> str:
        """Return the id as it is, or the name of the file if it lies in the folder of the sample."""
        return object_id if sample_key == start_key else start_key[len(sample_key) + 1 :]


@dataclass(frozen=True, eq=False)
class ByFileName(ByKey):
    """The files have paths of images. An absolute one is of another machine, whose folders it begins with: its end is
    the key of a sample. A relative one is the key itself, so that `cats/1` does not belong to a sample `1` as well.

    `paths` are the absolute paths, without suffix, `ends` their last parts, sorted, and `entries` the positions of
    their keys: (N,) each.
    """

    ends: pa.Array
    paths: pa.Array
    entries: npt.NDArray[np.int32]

    name = "file_name"

    @classmethod
    def of(cls, paths_of: Mapping[str, Sequence[str]], keys: pa.Array) -> ByFileName:
        """Take the absolute paths of which each of the sorted `keys` was made; most keys have none."""
        listed = sorted(
            (path.rpartition("/")[2], path, position)
            for position, key in enumerate(keys.to_pylist())
            for path in paths_of.get(key, ())
        )
        ends, paths, entries = zip(*listed, strict=True) if listed else ((), (), ())
        return cls(pa.array(ends, pa.string()), pa.array(paths, pa.string()), np.array(entries, np.int32))

    def positions(self, keys: pa.Array, sample_key: str) -> Sequence[int]:
        """Return the position of the same key, else that of the one absolute path that ends with the key."""
        if found := _position(keys, sample_key):
            return found
        last = sample_key.rpartition("/")[2]
        begin = bisect_left(self.ends, last, key=_text)
        alike = set()
        for index in range(begin, len(self.ends)):
            if self.ends[index].as_py() != last:
                break
            if f"/{self.paths[index].as_py()}".endswith(f"/{sample_key}"):
                alike.add(self.entries[index].item())
        return tuple(alike) if len(alike) == 1 else ()


def _position(keys: pa.Array, key: str) -> Sequence[int]:
    position = bisect_left(keys, key, key=_text)
    return (position,) if position < len(keys) and keys[position].as_py() == key else ()


def _text(value: pa.StringScalar) -> str:
    return str(value.as_py())

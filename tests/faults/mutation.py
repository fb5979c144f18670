"""Broken files, made from good ones: what a seed says is cut, flipped, doubled, swapped or overwritten."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

_Edit = Callable[[bytearray, np.random.Generator], None]
_NUMBERS = (0, 0x7F, 0x80, 0xFF)
_TEXTS = (
    b"NaN",
    b"-1",
    b"1e999",
    b"null",
    b'"',
    b"{",
    b"]",
    b"../../",
    b"\x00",
    b"\xff\xfe",
    b"9" * 30,
    "ä€".encode(),
)


def mutated(data: bytes, seed: Sequence[int]) -> bytes:
    """A copy with one to four random edits; the same seed makes the same copy."""
    rng = np.random.default_rng(seed)
    copy = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        edit = _EDITS[int(rng.integers(len(_EDITS)))]
        edit(copy, rng)
    return bytes(copy)


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """A position; every second one lies in the first 200 bytes, where headers are."""
    end = min(len(data), 200) if rng.random() < 0.5 else len(data)
    return int(rng.integers(end + 1))


def _piece(data: bytearray, rng: np.random.Generator) -> slice:
    start = _place(data, rng)
    return slice(start, start + int(2 ** rng.uniform(0, 10)))


def _cut_end(data: bytearray, rng: np.random.Generator) -> None:
    del data[_place(data, rng) :]


def _cut_piece(data: bytearray, rng: np.random.Generator) -> None:
    del data[_piece(data, rng)]


def _flip_bits(data: bytearray, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 9))):
        if data:
            data[min(_place(data, rng), len(data) - 1)] ^= 1 << int(rng.integers(8))


def _double_piece(data: bytearray, rng: np.random.Generator) -> None:
    piece = data[_piece(data, rng)]
    place = _place(data, rng)
    data[place:place] = piece


def _swap_pieces(data: bytearray, rng: np.random.Generator) -> None:
    first, second = _piece(data, rng), _piece(data, rng)
    data[first], data[second] = data[second], data[first]


def _overwrite(data: bytearray, rng: np.random.Generator) -> None:
    place, count = _place(data, rng), int(rng.integers(1, 9))
    data[place : place + count] = bytes([_NUMBERS[int(rng.integers(len(_NUMBERS)))]]) * count


def _insert_text(data: bytearray, rng: np.random.Generator) -> None:
    place = _place(data, rng)
    data[place : place + int(rng.integers(0, 4))] = _TEXTS[int(rng.integers(len(_TEXTS)))]


_EDITS: tuple[_Edit, ...] = (
    _cut_end,
    _cut_piece,
    _flip_bits,
    _double_piece,
    _swap_pieces,
    _overwrite,
    _insert_text,
)

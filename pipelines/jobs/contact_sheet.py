"""A contact sheet of samples with their masks drawn in: what a person looks at before a cluster works on a data set."""

from __future__ import annotations

import hashlib
import heapq
import io
import textwrap
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from infra import rle
from infra.errors import SampleError
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.image_file import decode_image
from infra.shards.sample import Sample
from pipelines.counted import counted

_SIDE = 300  # pixels of a tile
_CAPTION = 65
_GAP = 10
_COLUMNS = 4
_LETTERS = 48  # of a line below a tile
_LINES_OF_DOUBT = 2
_OPACITY = 0.45
_GREY, _AMBER = (90, 90, 90), (180, 83, 9)
# the colours of Okabe and Ito, which people with any colour vision can tell apart
_PALETTE = [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0)]


@dataclass(order=True)
class _Tile:
    rank: bytes  # the least goes first if there are too many of its kind
    sample: Sample = field(compare=False)
    doubts: tuple[str, ...] = field(compare=False)


class ContactSheet:
    """Keeps `num_tiles` samples: half of them with doubts and half without, more of one kind if the other has fewer.

    Of each kind those of the least SHA-256 of their key are chosen, so that the choice depends on the samples alone.
    Memory holds the encoded images of up to `num_tiles` of each kind.
    """

    def __init__(self, num_tiles: int) -> None:
        self._num_tiles = num_tiles
        self._doubts: list[SourceNote] = []
        self._doubtful: list[_Tile] = []
        self._others: list[_Tile] = []

    def add_note(self, note: SourceNote) -> None:
        """Take what was told of the sample that comes next."""
        if note.topic is Topic.DOUBT:
            self._doubts.append(note)

    def add_sample(self, sample: Sample) -> None:
        """Take a sample; most of a large data set are dropped again."""
        doubts = tuple(dict.fromkeys(note.text for note in self._doubts if note.key == sample.key))
        self._doubts.clear()
        digest = hashlib.sha256(sample.key.encode()).digest()
        inverted = bytes(255 - byte for byte in digest)
        kept = self._doubtful if doubts else self._others
        if self._num_tiles == 0:
            return
        heapq.heappush(kept, _Tile(inverted, sample, doubts))
        if len(kept) > self._num_tiles:
            heapq.heappop(kept)

    @property
    def samples(self) -> list[Sample]:
        """The chosen samples in the order of the sheet: doubtful ones first, among each kind by key."""
        return [tile.sample for tile in self._tiles()]

    def png(self) -> bytes:
        """Draw the sheet."""
        tiles = [_drawn(tile) for tile in self._tiles()]
        columns = min(_COLUMNS, max(len(tiles), 1))
        rows = -(-max(len(tiles), 1) // columns)
        width, height = _SIDE + _GAP, _SIDE + _CAPTION + _GAP
        sheet = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP), "white")
        for position, tile in enumerate(tiles):
            sheet.paste(tile, (_GAP + position % columns * width, _GAP + position // columns * height))
        stream = io.BytesIO()
        sheet.save(stream, "PNG")
        return stream.getvalue()

    def _tiles(self) -> list[_Tile]:
        half = self._num_tiles - self._num_tiles // 2  # one tile alone is for a doubt
        num_others = min(len(self._others), self._num_tiles - min(half, len(self._doubtful)))
        doubtful = heapq.nlargest(self._num_tiles - num_others, self._doubtful)
        chosen = doubtful + heapq.nlargest(num_others, self._others)
        return sorted(chosen, key=lambda tile: (not tile.doubts, tile.sample.key))


def _drawn(tile: _Tile) -> Image.Image:
    """Return a tile: the image with its masks, its key, and what is said of it."""
    drawn = Image.new("RGB", (_SIDE, _SIDE + _CAPTION), "white")
    try:
        overlay = Image.fromarray(_overlay(tile.sample))
    except SampleError as error:
        overlay = Image.new("RGB", (_SIDE, _SIDE), "lightgrey")
        tile = _Tile(tile.rank, tile.sample, (error.detail, *tile.doubts))
    overlay.thumbnail((_SIDE, _SIDE))
    drawn.paste(overlay, ((_SIDE - overlay.width) // 2, (_SIDE - overlay.height) // 2))
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(12)
    num_objects = len(tile.sample.objects)
    size = f"{tile.sample.width} x {tile.sample.height}"
    lines = [tile.sample.key[-_LETTERS:], f"{size}, {counted(num_objects, 'object')}"]
    doubts = [line for doubt in tile.doubts[:1] for line in _wrapped(doubt)]
    for number, line in enumerate([*lines, *doubts]):
        colour = _AMBER if number >= len(lines) else _GREY
        draw.text((2, _SIDE + 2 + 15 * number), line, fill=colour, font=font)
    return drawn


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _LETTERS, max_lines=_LINES_OF_DOUBT, placeholder=" ...")


def _overlay(sample: Sample) -> npt.NDArray[np.uint8]:
    """Return (H, W, 3) uint8, twice the side of a tile: each object in a colour, with its outline."""
    image = decode_image(sample.image_bytes)
    scale = 2 * _SIDE / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    pixels = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    for number, truth in enumerate(sample.objects):
        mask = rle.decode(truth.rle, sample.height, sample.width).astype(np.uint8)
        small = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST).astype(np.bool_)
        colour = _PALETTE[number % len(_PALETTE)]
        mixed = (1 - _OPACITY) * pixels[small] + _OPACITY * np.asarray(colour)
        pixels[small] = np.rint(mixed).astype(np.uint8)
        outlines, _ = cv2.findContours(small.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(pixels, outlines, -1, colour, 2)
    return np.asarray(pixels, np.uint8)

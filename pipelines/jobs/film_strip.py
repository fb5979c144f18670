"""The film strip of an object: what was there, what each click did, and how sure the model was."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from mfp.clicks import Click
from mfp.start import FromBox, FromMask
from pipelines.counted import counted
from pipelines.jobs.replay import Replay
from pipelines.jobs.strip_view import StripView

_GAP = 8
_NARROWEST = 124  # pixels of a column, for the words below a frame
_HEADER, _CAPTION = 54, 26
_MOST_LOOKS = 5
_NARROWEST_STRIP = 640
_LETTERS_OF_KEY, _LETTERS_OF_ID = 48, 24
_TINT = 0.5
_INK, _FAINT = (32, 33, 36), (95, 99, 104)
# the colours of Okabe and Ito, which people with any colour vision can tell apart
_HIT, _MISSED, _SURPLUS, _TRUTH = (0, 114, 178), (230, 159, 0), (213, 94, 0), (255, 255, 255)
_IMPROBABLE, _PROBABLE = (0, 34, 78), (254, 232, 56)  # the ends of OpenCV's cividis
_FOREGROUND, _BACKGROUND, _BOX = (0, 158, 115), (204, 51, 17), (240, 228, 66)
_Colour: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class _Word:
    """A text of the header, its place in pixels, and the colour it explains, if it does that."""

    text: str
    left: int
    top: int
    ink: _Colour
    size: int
    explained: _Colour | None = None

    @property
    def right(self) -> int:
        """The pixel after the text."""
        return self.left + math.ceil(ImageFont.load_default(self.size).getlength(self.text))

    def write(self, draw: ImageDraw.ImageDraw) -> None:
        """Put it on a strip."""
        draw.text((self.left, self.top), self.text, fill=self.ink, font=ImageFont.load_default(self.size))
        if self.explained is not None:
            left, top = self.left - 16, self.top + 3
            draw.rectangle((left, top, left + 11, top + 11), fill=self.explained, outline=_FAINT)


@dataclass(frozen=True, eq=False)
class _Frame:
    """A column of the strip: what stands above, what below, and the words under it."""

    above: npt.NDArray[np.uint8]
    below: npt.NDArray[np.uint8]
    caption: str


def film_strip(replay: Replay) -> Image.Image:
    """Draw an object: the image with the truth, then for up to five clicks the mask above and the probabilities below.

    Of more clicks the first, the last and some between them are shown.
    """
    view = StripView.around(_seen(replay))
    frames = [_first_frame(replay, view), *_frames(replay, view)]
    width, height = view.size
    column_width = max(width, _NARROWEST)
    words = [_title(replay), *_legend(replay)]
    strip_width = max(
        _NARROWEST_STRIP,
        len(frames) * (column_width + _GAP) + _GAP,
        *(word.right + _GAP for word in words),
    )
    strip = Image.new("RGB", (strip_width, _HEADER + 2 * (height + _GAP) + _CAPTION), "white")
    draw = ImageDraw.Draw(strip)
    for word in words:
        word.write(draw)
    for column, frame in enumerate(frames):
        left = _GAP + column * (column_width + _GAP)
        inset = left + (column_width - width) // 2
        strip.paste(Image.fromarray(frame.above), (inset, _HEADER))
        strip.paste(Image.fromarray(frame.below), (inset, _HEADER + height + _GAP))
        place = (left + 2, _HEADER + 2 * (height + _GAP))
        draw.text(place, frame.caption, fill=_INK, font=ImageFont.load_default(15))
    return strip


def png_of(strips: Sequence[Image.Image]) -> bytes:
    """Film strips one below the other, as a PNG."""
    size = (max(strip.width for strip in strips), sum(strip.height + _GAP for strip in strips) - _GAP)
    sheet, top = Image.new("RGB", size, "white"), 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height + _GAP
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def in_words(replay: Replay) -> str:
    """What a strip shows, in one line: for who cannot see it."""
    end = f"IoU {replay.iou:.3f}" if replay.iou is not None else "no truth"
    return f"object {replay.object_id} of {replay.sample_key}: {counted(len(replay.clicks), 'click')}, {end}"


def why_no_maps(replay: Replay) -> str:
    """Why a strip has no probability maps, in one line; empty if it has them, or the object no click."""
    return f"no probability maps: {replay.why_no_looks}" if replay.why_no_looks else ""


def _title(replay: Replay) -> _Word:
    key, object_id = _end_of(replay.sample_key, _LETTERS_OF_KEY), _end_of(replay.object_id, _LETTERS_OF_ID)
    quality = "" if replay.quality is None else f", quality {replay.quality:.2f}"
    end = f", IoU {replay.iou:.3f}" if replay.iou is not None else ", no truth"
    return _Word(
        f"{key}  object {object_id}  {counted(len(replay.clicks), 'click')}{end}{quality}",
        _GAP + 2,
        6,
        _INK,
        17,
    )


def _end_of(text: str, most: int) -> str:
    """The text, or the end of one that has more letters: there names differ."""
    return text if len(text) <= most else f"...{text[3 - most :]}"


def _legend(replay: Replay) -> Iterator[_Word]:
    """The colours and what they mean, from left to right."""
    left = _GAP + 2
    for colour, text in _meanings(replay):
        word = _Word(text, left + 16, 31, _FAINT, 13, colour)
        yield word
        left = word.right + 14
    if replay.why_no_looks:
        yield _Word("probability maps could not be made again", left, 31, _SURPLUS, 13)


def _meanings(replay: Replay) -> Iterator[tuple[_Colour, str]]:
    yield _HIT, "mask"
    if replay.truth is not None:
        yield _MISSED, "missed"
        yield _SURPLUS, "surplus"
        yield _TRUTH, "outline: truth"
    if isinstance(replay.start, FromBox):
        yield _BOX, "box"
    yield _FOREGROUND, "+ click"
    yield _BACKGROUND, "- click"
    if replay.looks:
        yield _IMPROBABLE, "probability 0"
        yield _PROBABLE, "1"


def _seen(replay: Replay) -> npt.NDArray[np.bool_]:
    """(H, W): all that is or was object or box, and the clicks."""
    seen = replay.mask.copy()
    if replay.truth is not None:
        seen |= replay.truth == 1
    if isinstance(replay.start, FromBox):
        replay.start.box.window(seen)[:] = True
    for look in replay.looks:
        seen |= look.mask
    for click in replay.clicks:
        seen[click.pixel] = True
    return seen


def _first_frame(replay: Replay, view: StripView) -> _Frame:
    """Before the first click: the truth, and the mask or box that was given; below where in the image that is."""
    above = view.pixels(replay.image)
    start, shown = replay.start, []
    if isinstance(start, FromMask):
        above = _tinted(above, view.mask(start.mask), _HIT)
        shown.append("start")
    if isinstance(start, FromBox):
        box = start.box
        cv2.rectangle(
            above, view.point(box.row_min, box.col_min), view.point(box.row_max, box.col_max), _BOX, 2
        )
        shown.append("box")
    if replay.truth is not None:
        _outline(above, view.mask(replay.truth == 1), _TRUTH)
        shown.append("truth")
    return _Frame(above, view.whereabouts(replay.image), ", ".join(shown) or "image")


def _frames(replay: Replay, view: StripView) -> Iterator[_Frame]:
    if not replay.looks:
        above = _judged(replay, replay.mask, view)
        _draw_clicks(above, replay.clicks, view)
        yield _Frame(above, view.pixels(replay.image), "mask of the run")
        return
    for place in _chosen(len(replay.looks)):
        look = replay.looks[place]
        count = len(look.clicks)
        above = _judged(replay, look.mask, view)
        _draw_clicks(above, replay.clicks[:count], view)
        iou = replay.ious[count - 1]
        quality = look.clicks[-1].quality
        assert quality is not None, "a network has made what is looked at"
        value = f"quality {quality:.2f}" if iou is None else f"IoU {iou:.3f}"
        yield _Frame(above, _probabilities(look.prob, view), f"click {count}: {value}")


def _chosen(count: int) -> list[int]:
    """Places of the looks that are shown: the first ones tell most, the last one the end."""
    if count <= _MOST_LOOKS:
        return list(range(count))
    spread = np.geomspace(1, count, _MOST_LOOKS)
    return sorted({*range(2), *(round(place) - 1 for place in spread[2:]), count - 1})


def _judged(replay: Replay, mask: npt.NDArray[np.bool_], view: StripView) -> npt.NDArray[np.uint8]:
    """The image with a mask: what it has, what it misses, what is too much; (h, w, 3) uint8."""
    frame = view.pixels(replay.image)
    shown = view.mask(mask)
    if replay.truth is None:
        return _tinted(frame, shown, _HIT)
    truth, counts = view.mask(replay.truth == 1), view.mask(replay.truth != -1)
    frame = _tinted(frame, shown & (truth | ~counts), _HIT)
    frame = _tinted(frame, truth & ~shown, _MISSED)
    return _tinted(frame, shown & ~truth & counts, _SURPLUS)


def _probabilities(prob: npt.NDArray[np.float32], view: StripView) -> npt.NDArray[np.uint8]:
    grey = np.rint(view.crop.window(prob) * 255).astype(np.uint8)
    return view.frame(np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_CIVIDIS)[:, :, ::-1], np.uint8))


def _draw_clicks(frame: npt.NDArray[np.uint8], clicks: Sequence[Click], view: StripView) -> None:
    """Draw each click, the newest as a larger one."""
    for place, click in enumerate(clicks):
        x, y = view.point(click.y, click.x)
        radius = 9 if place == len(clicks) - 1 else 6
        colour = _FOREGROUND if click.is_foreground else _BACKGROUND
        cv2.circle(frame, (x, y), radius, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(frame, (x, y), radius - 2, colour, -1, cv2.LINE_AA)
        arm = radius - 4
        cv2.line(frame, (x - arm, y), (x + arm, y), (255, 255, 255), 2)
        if click.is_foreground:
            cv2.line(frame, (x, y - arm), (x, y + arm), (255, 255, 255), 2)


def _tinted(
    frame: npt.NDArray[np.uint8], where: npt.NDArray[np.bool_], colour: tuple[int, int, int]
) -> npt.NDArray[np.uint8]:
    tinted = frame.copy()
    mixed = (1 - _TINT) * frame[where] + _TINT * np.asarray(colour)
    tinted[where] = np.rint(mixed).astype(np.uint8)
    _outline(tinted, where, colour)
    return tinted


def _outline(
    frame: npt.NDArray[np.uint8], where: npt.NDArray[np.bool_], colour: tuple[int, int, int]
) -> None:
    found, _ = cv2.findContours(where.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(frame, found, -1, colour, 1, cv2.LINE_AA)

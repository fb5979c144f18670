"""The film strip of an object: what was there, what each click did, and how sure the model was."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from mfp.clicks import Click
from mfp.region import Region
from pipelines.counted import counted
from pipelines.jobs.replay import Replay

_SIDE = 250  # pixels of a frame
_GAP = 8
_NARROWEST = 124  # pixels of a column, for the words below a frame
_HEADER, _CAPTION = 54, 26
_MOST_LOOKS = 5
_MARGIN = 0.25  # around what is shown, as a share of it
_SMALLEST = 48  # pixels of the image that a frame shows at least
_TINT = 0.5
_INK, _FAINT = (32, 33, 36), (95, 99, 104)
# the colours of Okabe and Ito, which people with any colour vision can tell apart
_HIT, _MISSED, _SURPLUS, _TRUTH = (0, 114, 178), (230, 159, 0), (213, 94, 0), (255, 255, 255)
_IMPROBABLE, _PROBABLE = (0, 34, 78), (254, 232, 56)  # the ends of OpenCV's cividis
_FOREGROUND, _BACKGROUND = (0, 158, 115), (204, 51, 17)


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
    crop = _crop(replay)
    frames = [_first_frame(replay, crop), *_frames(replay, crop)]
    height, width = frames[0].above.shape[:2]
    column_width = max(width, _NARROWEST)
    strip_width = max(len(frames) * (column_width + _GAP) + _GAP, 640)
    strip = Image.new("RGB", (strip_width, _HEADER + 2 * (height + _GAP) + _CAPTION), "white")
    draw = ImageDraw.Draw(strip)
    _write_header(draw, replay)
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


def _write_header(draw: ImageDraw.ImageDraw, replay: Replay) -> None:
    key = replay.sample_key if len(replay.sample_key) <= 48 else f"...{replay.sample_key[-45:]}"
    quality = "" if replay.quality is None else f", quality {replay.quality:.2f}"
    end = f", IoU {replay.iou:.3f}" if replay.iou is not None else ", no truth"
    title = f"{key}  object {replay.object_id}  {counted(len(replay.clicks), 'click')}{end}{quality}"
    draw.text((_GAP + 2, 6), title, fill=_INK, font=ImageFont.load_default(17))
    left = _GAP + 2
    small = ImageFont.load_default(13)
    for colour, word in _legend(replay):
        draw.rectangle((left, 34, left + 11, 45), fill=colour, outline=_FAINT)
        draw.text((left + 16, 31), word, fill=_FAINT, font=small)
        left += 16 + int(draw.textlength(word, font=small)) + 14
    if replay.why_no_looks:
        draw.text((left, 31), "probability maps could not be made again", fill=_SURPLUS, font=small)


def _legend(replay: Replay) -> Iterator[tuple[tuple[int, int, int], str]]:
    yield _HIT, "mask"
    if replay.truth is not None:
        yield _MISSED, "missed"
        yield _SURPLUS, "surplus"
        yield _TRUTH, "outline: truth"
    yield _FOREGROUND, "+ click"
    yield _BACKGROUND, "- click"
    if replay.looks:
        yield _IMPROBABLE, "probability 0"
        yield _PROBABLE, "1"


def _first_frame(replay: Replay, crop: Region) -> _Frame:
    """Before the first click: the truth, or the mask that was given; below where in the image that is."""
    above = _resized(replay.image, crop)
    caption = "image"
    if replay.truth is not None:
        _outline(above, _resized_mask(replay.truth == 1, crop), _TRUTH)
        caption = "truth"
    if replay.start is not None:
        above = _tinted(above, _resized_mask(replay.start, crop), _HIT)
        caption = "start" if replay.truth is None else "start, truth"
    return _Frame(above, _whereabouts(replay, crop, above.shape[:2]), caption)


def _frames(replay: Replay, crop: Region) -> Iterator[_Frame]:
    if not replay.looks:
        above = _judged(replay, replay.mask, crop)
        _draw_clicks(above, replay.clicks, crop)
        caption = "mask of the run"
        yield _Frame(above, _resized(replay.image, crop), caption)
        return
    for place in _chosen(len(replay.looks)):
        look = replay.looks[place]
        count = len(look.clicks)
        above = _judged(replay, look.mask, crop)
        _draw_clicks(above, replay.clicks[:count], crop)
        iou = replay.ious[count - 1]
        value = f"quality {look.clicks[-1].quality or 0:.2f}" if iou is None else f"IoU {iou:.3f}"
        yield _Frame(above, _probabilities(look.prob, crop), f"click {count}: {value}")


def _chosen(count: int) -> list[int]:
    """Places of the looks that are shown: the first ones tell most, the last one the end."""
    if count <= _MOST_LOOKS:
        return list(range(count))
    spread = np.geomspace(1, count, _MOST_LOOKS)
    return sorted({*range(2), *(round(place) - 1 for place in spread[2:]), count - 1})


def _judged(replay: Replay, mask: npt.NDArray[np.bool_], crop: Region) -> npt.NDArray[np.uint8]:
    """The image with a mask: what it has, what it misses, what is too much; (h, w, 3) uint8."""
    frame = _resized(replay.image, crop)
    shown = _resized_mask(mask, crop)
    if replay.truth is None:
        return _tinted(frame, shown, _HIT)
    truth, counts = _resized_mask(replay.truth == 1, crop), _resized_mask(replay.truth != -1, crop)
    frame = _tinted(frame, shown & (truth | ~counts), _HIT)
    frame = _tinted(frame, truth & ~shown, _MISSED)
    return _tinted(frame, shown & ~truth & counts, _SURPLUS)


def _probabilities(prob: npt.NDArray[np.float32], crop: Region) -> npt.NDArray[np.uint8]:
    grey = np.rint(crop.window(prob) * 255).astype(np.uint8)
    coloured = cv2.applyColorMap(grey, cv2.COLORMAP_CIVIDIS)[:, :, ::-1]
    return _to_frame(np.ascontiguousarray(coloured), crop)


def _whereabouts(replay: Replay, crop: Region, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The whole image in a frame of (h, w) = `size`, with a box around what the other frames show."""
    height, width = replay.image.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(replay.image, shape, interpolation=cv2.INTER_AREA), np.uint8)
    corners = [(round(x * scale), round(y * scale)) for x, y in _corners(crop)]
    cv2.rectangle(small, corners[0], corners[1], _TRUTH, 2)
    frame = np.full((*size, 3), 255, np.uint8)
    frame[: small.shape[0], : small.shape[1]] = small[: size[0], : size[1]]
    return frame


def _corners(crop: Region) -> tuple[tuple[int, int], tuple[int, int]]:
    return (crop.col_min, crop.row_min), (crop.col_max, crop.row_max)


def _draw_clicks(frame: npt.NDArray[np.uint8], clicks: Sequence[Click], crop: Region) -> None:
    """Draw each click, the newest as a larger one."""
    scale = frame.shape[1] / crop.width
    for place, click in enumerate(clicks):
        x = round((click.x - crop.col_min + 0.5) * scale)
        y = round((click.y - crop.row_min + 0.5) * scale)
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


def _crop(replay: Replay) -> Region:
    """What the frames show: all that is or was object, and the clicks, with a margin."""
    height, width = replay.image.shape[:2]
    shown = replay.mask.copy()
    if replay.truth is not None:
        shown |= replay.truth == 1
    for look in replay.looks:
        shown |= look.mask
    for click in replay.clicks:
        shown[click.pixel] = True
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    if not len(rows):
        return Region(0, height - 1, 0, width - 1)
    row_min, row_max = _widened(int(rows[0]), int(rows[-1]), height)
    col_min, col_max = _widened(int(columns[0]), int(columns[-1]), width)
    return Region(row_min, row_max, col_min, col_max)


def _widened(first: int, last: int, length: int) -> tuple[int, int]:
    size = last - first + 1
    margin = max(round(size * _MARGIN / 2), (_SMALLEST - size + 1) // 2, 2)
    return max(0, first - margin), min(length - 1, last + margin)


def _resized(image: npt.NDArray[np.uint8], crop: Region) -> npt.NDArray[np.uint8]:
    rows, columns = slice(crop.row_min, crop.row_max + 1), slice(crop.col_min, crop.col_max + 1)
    return _to_frame(np.ascontiguousarray(image[rows, columns]), crop)


def _to_frame(pixels: npt.NDArray[np.uint8], crop: Region) -> npt.NDArray[np.uint8]:
    size = _frame_size(crop)
    way = cv2.INTER_AREA if size[0] < crop.width else cv2.INTER_LINEAR
    return np.array(cv2.resize(pixels, size, interpolation=way), np.uint8)


def _resized_mask(mask: npt.NDArray[np.bool_], crop: Region) -> npt.NDArray[np.bool_]:
    window = np.ascontiguousarray(crop.window(mask)).astype(np.uint8)
    return cv2.resize(window, _frame_size(crop), interpolation=cv2.INTER_NEAREST).astype(np.bool_)


def _frame_size(crop: Region) -> tuple[int, int]:
    """(width, height) of a frame in pixels: its longer side is always the same."""
    scale = _SIDE / max(crop.width, crop.height)
    return max(1, round(crop.width * scale)), max(1, round(crop.height * scale))

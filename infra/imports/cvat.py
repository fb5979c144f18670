"""CVAT for images 1.1: the `<mask>` and `<polygon>` of each `<image>`.

A mask is the lengths of its runs row by row inside its box, background first. CVAT keeps attributes of shapes that
their labels declare, such as `object_id`, and drops what it does not know, such as the `sample_key` of an image.

The file is read by expat as a stream. A document type declaration is refused before anything in it counts, so that no
entity is ever expanded and nothing else is ever opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.parsers import expat

import numpy as np

from infra.errors import LabelImportError
from infra.exports.mask_window import counts_of
from infra.imports.import_format import ImportFormat
from infra.imports.known_images import KnownImage
from infra.imports.label_source import LabelSource
from infra.imports.labelled_image import LabelledImage, LabelledShape
from infra.imports.polygon_mask import empty, mask_of_segmentation
from infra.imports.values import shown

_BLOCK = 2**20
_OBJECT_ID = "object_id"
_SHAPES = frozenset({"mask", "polygon"})
_OTHER_SHAPES = frozenset({"box", "polyline", "points", "ellipse", "cuboid", "skeleton"})
_TAG = "tag"  # of the whole image


def _recognises(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _read(source: LabelSource) -> Iterator[LabelledImage]:
    document = _Document(source)
    with source.storage.open_read(source.url) as stream:
        try:
            while block := stream.read(_BLOCK):
                document.parser.Parse(block, False)
                yield from document.take()
            document.parser.Parse(b"", True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise LabelImportError(
                f"{source.url} line {error.lineno} is no XML ({reason}): export it again as CVAT for images 1.1"
            ) from None
        except (ValueError, LookupError) as error:  # an encoding that Python does not know, or not for expat
            raise LabelImportError(
                f"{source.url} is no XML that can be read ({error}): export it again"
            ) from None
    if not document.num_images:
        raise LabelImportError(
            f"{source.url} has no <image>: export from CVAT as CVAT for images 1.1, not for video"
        )


CVAT = ImportFormat("cvat", _recognises, _read)


class _Shape:
    """A `<mask>` or `<polygon>` that is open: what its tag says, and the attributes that are inside."""

    def __init__(self, tag: str, line: int, attributes: Mapping[str, str]) -> None:
        self.tag, self.line, self.said = tag, line, attributes
        self.object_id = ""
        self.is_asked = False  # the <attribute> that is open is that of the id


class _Document:
    """Takes the events of the parser."""

    def __init__(self, source: LabelSource) -> None:
        self.num_images = 0
        self._source = source
        self._done: list[LabelledImage] = []
        self._image: KnownImage | None = None
        self._place = ""
        self._shapes: list[LabelledShape] = []
        self._num_left_out = 0  # shapes of the image
        self._shape: _Shape | None = None
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_declarations
        self.parser.StartElementHandler = self._begin
        self.parser.CharacterDataHandler = self._text
        self.parser.EndElementHandler = self._end

    def take(self) -> list[LabelledImage]:
        """The images that are whole now, each once."""
        done, self._done = self._done, []
        return done

    def _refuse_declarations(self, *_: object) -> None:
        raise LabelImportError(
            f"{self._here()} declares a document type, which CVAT never writes and which may open other files: delete "
            "the declaration"
        )

    def _begin(self, tag: str, said: dict[str, str]) -> None:
        if tag == "image":
            self.num_images += 1
            self._place = self._here()
            self._begin_image(said)
        elif self._image is None:
            return
        elif tag in _SHAPES:
            self._shape = _Shape(tag, self.parser.CurrentLineNumber, said)
        elif tag in _OTHER_SHAPES or tag == _TAG:
            self._source.left_out[f"<{tag}> of CVAT, which are no masks"] += 1
            self._num_left_out += tag != _TAG
        elif tag == "attribute" and self._shape:
            self._shape.is_asked = said.get("name") == _OBJECT_ID

    def _begin_image(self, said: dict[str, str]) -> None:
        if not said.get("name"):
            raise LabelImportError(f"{self._place}: an <image> without a name")
        images = self._source.images
        self._image, self._shapes = images.find(said.get("sample_key", ""), said["name"], self._place), []
        self._num_left_out = 0
        if self._image is not None:
            height, width = (_whole(said, name, self._place) for name in ("height", "width"))
            images.check_size(self._image, height, width, f"{self._place}: {said['name']!r}")

    def _text(self, text: str) -> None:
        if self._shape and self._shape.is_asked:
            self._shape.object_id += text

    def _end(self, tag: str) -> None:
        if tag == "attribute" and self._shape:
            self._shape.is_asked = False
        elif tag in _SHAPES and self._shape and self._image:
            self._shapes.append(self._labelled(self._shape, self._image))
            self._shape = None
        elif tag == "image" and self._image:
            self._done.append(
                LabelledImage(
                    self._image.key, self._place, tuple(self._shapes), num_left_out=self._num_left_out
                )
            )
            self._image = None

    def _labelled(self, shape: _Shape, image: KnownImage) -> LabelledShape:
        place = f"{self._source.url} line {shape.line}: a <{shape.tag}>"
        is_polygon = shape.tag == "polygon"
        try:
            counts = _of_polygon(shape.said, image) if is_polygon else _of_mask(shape.said, image, place)
        except ValueError as error:
            raise LabelImportError(
                f"{place} is none of sample {image.key!r}: {error}; draw it again"
            ) from None
        return LabelledShape(shape.object_id, shape.said.get("label", ""), counts, is_polygon)

    def _here(self) -> str:
        return f"{self._source.url} line {self.parser.CurrentLineNumber}"


def _of_mask(said: Mapping[str, str], image: KnownImage, place: str) -> bytes:
    x, y, w, h = (_whole(said, name, place) for name in ("left", "top", "width", "height"))
    if x + w > image.width or y + h > image.height:
        raise ValueError(f"its box {(x, y, w, h)} reaches out of {image.height} x {image.width} pixels")
    texts = said.get("rle", "").split(",")
    if not all(text.strip().isdecimal() and len(text) < 20 for text in texts):
        wrong = next(text for text in texts if not text.strip().isdecimal() or len(text) >= 20)
        raise ValueError(f"{shown(wrong)} is no length of a run")
    lengths = [int(text) for text in texts]
    if sum(lengths) != w * h:
        raise ValueError(f"its runs add up to {sum(lengths)} pixels, and its box has {h} x {w}")
    if not w * h:
        return empty(image.height, image.width)
    runs = np.array(lengths, np.int64)
    window = np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(h, w)
    return counts_of(window, x, y, image.height, image.width)


def _of_polygon(said: Mapping[str, str], image: KnownImage) -> bytes:
    ring: list[float] = []
    for pair in said.get("points", "").split(";"):
        x, _, y = pair.partition(",")
        try:
            ring += [float(x), float(y)]
        except ValueError:
            raise ValueError(f"{shown(pair)} is no point: it must be x,y") from None
    return mask_of_segmentation([ring], image.height, image.width)


def _whole(said: Mapping[str, str], name: str, place: str) -> int:
    text = said.get(name, "").strip()
    if not text.isdecimal() or len(text) > 9:
        raise LabelImportError(f"{place}: {name} is {shown(text)}: it must be a whole number of pixels")
    return int(text)

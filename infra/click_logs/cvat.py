"""CVAT's XML 1.1 for images: the `<points>` of each `<image>`, in the order in which they stand.

The file is read by expat as a stream. A document type declaration is refused before anything in it counts, so that no
entity is ever expanded and nothing else is ever opened.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from xml.parsers import expat

from infra.click_logs.document_clicks import ImagesOnce, Point, document_part, with_objects
from infra.click_logs.log_format import LogFormat
from infra.click_logs.log_part import LogPart, place_of, shown
from infra.click_logs.options import ClickLogOptions
from infra.click_logs.signs import is_background_by, is_background_label, names_an_object
from infra.errors import ClickLogError
from infra.storage.files import Storage

_UNIT = "line"
_WHICH_OBJECT = (
    "group it with the points of its object, or give it the label of the object and an attribute for the kind"
)
_TWICE = "export each image once"
_LEFT_OUT = frozenset({"box", "polygon", "polyline", "mask", "ellipse", "cuboid", "skeleton", "tag", "track"})


def _recognises(head: bytes) -> bool:
    return b"<" in head


def _read(storage: Storage, url: str, _options: ClickLogOptions) -> Iterator[LogPart]:
    document = _Document(url)
    with storage.open_read(url) as stream:
        try:
            document.parser.ParseFile(stream)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise ClickLogError(
                f"{url} line {error.lineno} is no XML ({reason}): export it again as CVAT for images 1.1"
            ) from None
        except (ValueError, LookupError) as error:  # an encoding that Python does not know, or not for expat
            raise ClickLogError(f"{url} is no XML that can be read ({error}): export it again") from None
    if not document.num_images:
        raise ClickLogError(
            f"{url} has no <image>: click logs of CVAT are exports as CVAT for images 1.1, not for video"
        )
    yield document_part(url, _UNIT, document.points, document.notices())


CVAT = LogFormat("cvat", (".xml",), _recognises, _read, "pixels")


class _Shape:
    """A `<points>` that is open: what its tag says, and the attributes that are inside."""

    def __init__(self, line: int, attributes: Mapping[str, str]) -> None:
        self.line, self.tag = line, attributes
        self.attributes: dict[str, str] = {}
        self.asked: str | None = None  # the name of the <attribute> that is open


class _Document:
    """Takes the events of the parser."""

    def __init__(self, url: str) -> None:
        self.points: list[Point] = []
        self.num_images = 0
        self._url = url
        self._left_out: dict[str, int] = {}
        self._images = ImagesOnce(url, _UNIT, _TWICE)
        self._image: dict[str, str] = {}
        self._of_image: list[Point] = []
        self._shape: _Shape | None = None
        self._depth_left_out = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_declarations
        self.parser.StartElementHandler = self._begin
        self.parser.CharacterDataHandler = self._text
        self.parser.EndElementHandler = self._end

    def notices(self) -> list[str]:
        return [
            f"click log {self._url}: {count:,} <{tag}> are no points and left out"
            for tag, count in self._left_out.items()
        ]

    def _refuse_declarations(self, *_: object) -> None:
        raise ClickLogError(
            f"{self._place()} declares a document type, which CVAT never writes and which may open other files: "
            "delete the declaration"
        )

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        if self._depth_left_out or tag in _LEFT_OUT:
            if not self._depth_left_out:
                self._left_out[tag] = self._left_out.get(tag, 0) + 1
            self._depth_left_out += 1
        elif tag == "image":
            self.num_images += 1
            if not attributes.get("name"):
                raise ClickLogError(f"{self._place()}: an <image> without a name")
            self._image = attributes
            self._images.check(attributes["name"], self.parser.CurrentLineNumber)
        elif tag == "points" and self._image:
            self._shape = _Shape(self.parser.CurrentLineNumber, attributes)
        elif tag == "attribute" and self._shape:
            self._shape.asked = attributes.get("name", "")

    def _text(self, text: str) -> None:
        if self._shape and self._shape.asked is not None:
            found = self._shape.attributes
            found[self._shape.asked] = found.get(self._shape.asked, "") + text

    def _end(self, tag: str) -> None:
        if self._depth_left_out:
            self._depth_left_out -= 1
        elif tag == "attribute" and self._shape:
            self._shape.asked = None
        elif tag == "points" and self._shape:
            self._of_image += self._clicks(self._shape)
            self._shape = None
        elif tag == "image":
            self.points += with_objects(self._of_image, self._url, _UNIT, _WHICH_OBJECT)
            self._image, self._of_image = {}, []

    def _clicks(self, shape: _Shape) -> Iterator[Point]:
        place = place_of(self._url, _UNIT, shape.line)
        label, group = shape.tag.get("label", ""), shape.tag.get("group_id", "")
        object_id = group if group not in {"", "0"} else label if names_an_object(label) else ""
        is_foreground = not (is_background_label(label) or is_background_by(shape.attributes))
        for pair in shape.tag.get("points", "").split(";"):
            x, comma, y = pair.partition(",")
            try:
                place_yx = (float(y), float(x)) if comma else (math.nan, math.nan)
            except ValueError:
                place_yx = (math.nan, math.nan)
            if not all(map(math.isfinite, place_yx)):
                raise ClickLogError(
                    f"{place}: {shown(pair)} is no point: it must be x,y, both finite numbers"
                )
            yield Point(
                self._image["name"],
                object_id,
                self._within(place_yx[0], "height"),
                self._within(place_yx[1], "width"),
                is_foreground,
                shape.line,
            )

    def _within(self, coordinate: float, side: str) -> float:
        """CVAT lets people click the far edge of an image, which is past its last pixel."""
        size = self._image.get(side, "")
        return coordinate - 1 if size.isdecimal() and coordinate == int(size) else coordinate

    def _place(self) -> str:
        return place_of(self._url, _UNIT, self.parser.CurrentLineNumber)

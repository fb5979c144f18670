"""CVAT for images 1.1: one `annotations.xml`, a `<mask>` per object.

A mask is the lengths of its runs row by row inside its bounding box, background first. Every `<mask>` has the object's
id and figures as attributes, every `<image>` its `sample_key`; `<meta>` declares the labels and their attributes, as a
project that takes the file must. An empty mask is one pixel of background.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import numpy.typing as npt

from infra.errors import ExportError
from infra.exports.categories import Categories
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.mask_window import counts_of, window_of
from infra.exports.spooled_text import SpooledText, write_text
from infra.exports.surplus import refuse_surplus
from infra.exports.xml_characters import refuse_what_xml_lacks
from infra.runs.tables import BoundingBox
from infra.storage.files import join

FILE = "annotations.xml"
_OBJECT_ID = "object_id"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
_ONE_PIXEL = BoundingBox(0, 0, 1, 1)


class CvatWriter:
    """See ExportWriter."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._categories = Categories(first=0)
        self._figures: dict[str, None] = {_OBJECT_ID: None}
        self._images = SpooledText()
        self._num_images = 0

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter."""
        tag = (
            f"<image id={quoteattr(str(self._num_images))} name={quoteattr(_name(self._target, sample))} "
            f'width="{sample.width}" height="{sample.height}" sample_key={quoteattr(sample.key)}>\n'
        )
        refuse_what_xml_lacks(sample.key, f"the key of sample {sample.key!r}", "cvat")
        self._images.append(tag)
        for one in sample.objects:
            self._images.append(self._mask(sample, one))
        self._images.append("</image>\n")
        self._num_images += 1

    def finish(self) -> None:
        """See ExportWriter."""
        url = join(self._target.url, FILE)
        write_text(self._target.storage, url, _HEAD, self._meta(), self._images, "</annotations>\n")

    def close(self) -> None:
        """See ExportWriter."""
        self._images.close()

    def _mask(self, sample: ExportedSample, one: ExportedObject) -> str:
        place = f"object {one.object_id!r} of sample {sample.key!r}"
        refuse_what_xml_lacks(one.object_id, f"the id of {place}", "cvat")
        refuse_what_xml_lacks(one.category, f"the class of {place}", "cvat")
        self._categories.number_of(one.category)
        self._figures |= dict.fromkeys(one.figures)
        box = one.bbox if one.area else _ONE_PIXEL
        window = window_of(one.rle, box, sample.height, sample.width)
        runs = ", ".join(map(str, _runs_of_rows(window)))
        attributes = {_OBJECT_ID: one.object_id, **one.figures}
        return (
            f'<mask label={quoteattr(one.category)} source="auto" occluded="0" rle="{runs}" left="{box.x}" '
            f'top="{box.y}" width="{box.w}" height="{box.h}" z_order="0">\n'
            + "".join(
                f"<attribute name={quoteattr(n)}>{_text(v)}</attribute>\n" for n, v in attributes.items()
            )
            + "</mask>\n"
        )

    def _meta(self) -> str:
        attributes = "".join(
            f"<attribute><name>{escape(name)}</name><mutable>False</mutable><input_type>text</input_type>"
            "<default_value></default_value><values></values></attribute>"
            for name in self._figures
        )
        labels = "".join(
            f"<label><name>{escape(name)}</name><type>mask</type><attributes>{attributes}</attributes></label>\n"
            for name in self._categories.names.values()
        )
        made_by = escape(json.dumps(dict(self._target.provenance)))
        return (
            f"<meta><task><name>{made_by}</name><size>{self._num_images}</size><mode>annotation</mode>\n"
            f"<labels>\n{labels}</labels></task></meta>\n"
        )


class CvatReader:
    """See ExportReader."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._url = join(target.url, FILE)
        self._stream = target.storage.open_read(self._url)
        self._images = self._elements()

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        image = next(self._images, None)
        expected = (sample.key, _name(self._target, sample), str(sample.width), str(sample.height))
        if (
            image is None
            or tuple(image.get(name) for name in ("sample_key", "name", "width", "height")) != expected
        ):
            raise ExportError(f"{self._url} lacks the image of sample {sample.key!r}: export again")
        shapes = list(image)
        found = [
            (shape.tag, shape.get("label"), shape.findtext(f"attribute[@name='{_OBJECT_ID}']"))
            for shape in shapes
        ]
        if found != [("mask", one.category, one.object_id) for one in sample.objects]:
            raise ExportError(
                f"{self._url} lacks objects of sample {sample.key!r}, or has others: export again"
            )
        return [self._counts(shape, sample) for shape in shapes]

    def finish(self) -> None:
        """See ExportReader."""
        refuse_surplus(self._images, self._url)

    def close(self) -> None:
        """See ExportReader."""
        self._stream.close()

    def _counts(self, mask: ElementTree.Element, sample: ExportedSample) -> bytes:
        x, y, w, h = (int(mask.attrib[name]) for name in ("left", "top", "width", "height"))
        runs = np.array(mask.attrib["rle"].split(","), np.int64)
        if runs.sum() != w * h:
            raise ExportError(
                f"{self._url}: runs of a mask of sample {sample.key!r} are not {w} x {h}: export again"
            )
        window = np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(h, w)
        return counts_of(window, x, y, sample.height, sample.width)

    def _elements(self) -> Iterator[ElementTree.Element]:
        """Yield the images; memory holds one of them."""
        try:
            events = ElementTree.iterparse(self._stream, ("start", "end"))  # noqa: S314 - a file of our own
            _, root = next(events)
            for event, element in events:
                if event == "end" and element.tag == "image":
                    yield element
                    root.clear()
        except ElementTree.ParseError as error:
            raise ExportError(f"{self._url} is no whole XML ({error}): export again") from None


def _name(target: ExportTarget, sample: ExportedSample) -> str:
    return target.image_prefix + sample.file_name


def _runs_of_rows(window: npt.NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of a (h, w) mask row by row, background first; they add up to h x w."""
    turns = np.flatnonzero(np.diff(window.ravel(), prepend=False))
    runs: list[int] = np.diff(turns, prepend=0, append=window.size).tolist()
    return runs


def _text(value: Any) -> str:
    return escape(value if isinstance(value, str) else json.dumps(value), {"\r": "&#13;"})


CVAT = ExportFormat("cvat", CvatWriter, CvatReader, exact_shapes=("rle",))

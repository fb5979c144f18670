"""Label Studio: `tasks.json` with a brush mask per object as predictions, and `labelling.xml`, the project's interface.

Make a project with `labelling.xml` as its interface, then import `tasks.json`. Every task has its `sample_key` in its
data, every region the object's id and figures in its `meta`, and its quality as its score. The score of a prediction
is the lowest one of its regions: tasks in the order of their score are then in the order of need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from infra.errors import ExportError
from infra.exports.brush_rle import brush_rle, counts_of_brush
from infra.exports.categories import Categories
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.json_lists import JsonListFile, read_entries
from infra.exports.surplus import refuse_surplus
from infra.exports.xml_characters import refuse_what_xml_lacks
from infra.storage.files import join

FILE = "tasks.json"
INTERFACE_FILE = "labelling.xml"
_IMAGE, _LABEL = "image", "label"
_QUALITY = "quality"


class LabelStudioWriter:
    """See ExportWriter."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._categories = Categories(first=0)
        self._tasks = JsonListFile()

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter."""
        regions = [self._region(sample, one, place) for place, one in enumerate(sample.objects)]
        prediction: dict[str, object] = {
            "model_version": str(self._target.provenance.get("model", "mfp")),
            "result": regions,
        }
        scores = [region["score"] for region in regions if "score" in region]
        if scores:
            prediction["score"] = min(scores)
        self._tasks.append({"data": _data(self._target, sample), "predictions": [prediction]})

    def finish(self) -> None:
        """See ExportWriter."""
        storage, url = self._target.storage, self._target.url
        self._tasks.write(storage, join(url, FILE))
        storage.write_bytes(join(url, INTERFACE_FILE), _interface(self._categories).encode())

    def close(self) -> None:
        """See ExportWriter."""
        self._tasks.close()

    def _region(self, sample: ExportedSample, one: ExportedObject, place: int) -> dict[str, Any]:
        where = f"object {one.object_id!r} of sample {sample.key!r}"
        refuse_what_xml_lacks(one.category, f"the class of {where}", "the interface of label-studio")
        self._categories.number_of(one.category)
        try:
            packed = brush_rle(one, sample.height, sample.width)
        except ValueError as error:
            raise ExportError(f"{where}: {error}; choose another format (coco)") from None
        region: dict[str, Any] = {
            "id": f"mask{place}",
            "type": "brushlabels",
            "from_name": _LABEL,
            "to_name": _IMAGE,
            "original_width": sample.width,
            "original_height": sample.height,
            "image_rotation": 0,
            "value": {"format": "rle", "rle": list(packed), "brushlabels": [one.category]},
            "meta": {"object_id": one.object_id, **one.figures},
        }
        return region | ({"score": one.figures[_QUALITY]} if _QUALITY in one.figures else {})


class LabelStudioReader:
    """See ExportReader."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._url = join(target.url, FILE)
        self._tasks = read_entries(target.storage, self._url)

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        task: Mapping[str, Any] = next(self._tasks, {})
        if task.get("data") != _data(self._target, sample):
            raise ExportError(f"{self._url} lacks the task of sample {sample.key!r}: export again")
        (prediction,) = task["predictions"]
        regions = prediction["result"]
        found = [
            (region["meta"]["object_id"], region["value"]["brushlabels"], _size(region)) for region in regions
        ]
        size = (sample.height, sample.width)
        if found != [(one.object_id, [one.category], size) for one in sample.objects]:
            raise ExportError(
                f"{self._url} lacks objects of sample {sample.key!r}, or has others: export again"
            )
        return [
            counts_of_brush(bytes(region["value"]["rle"]), sample.height, sample.width) for region in regions
        ]

    def finish(self) -> None:
        """See ExportReader."""
        refuse_surplus(self._tasks, self._url)

    def close(self) -> None:
        """See ExportReader."""
        self._tasks.close()


def _data(target: ExportTarget, sample: ExportedSample) -> dict[str, str]:
    prefix = target.image_prefix or "images/"
    return {_IMAGE: prefix + sample.file_name, "sample_key": sample.key}


def _size(region: Mapping[str, Any]) -> tuple[int, int]:
    return region["original_height"], region["original_width"]


def _interface(categories: Categories) -> str:
    labels = "".join(f"    <Label value={quoteattr(name)}/>\n" for name in categories.names.values())
    return (
        f'<View>\n  <Image name="{_IMAGE}" value="${_IMAGE}" zoom="true"/>\n'
        f'  <BrushLabels name="{_LABEL}" toName="{_IMAGE}">\n{labels}  </BrushLabels>\n</View>\n'
    )


LABEL_STUDIO = ExportFormat("label-studio", LabelStudioWriter, LabelStudioReader, exact_shapes=("rle",))

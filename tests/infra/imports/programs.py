"""What becomes of an export in other programs, when people submit it there and export it again."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.exports.exported_sample import ExportedSample
from infra.imports.known_images import KnownImage, KnownImages
from infra.imports.labelled_image import LabelledImage
from infra.imports.read_labels import CorrectedLabels, read_labels
from infra.storage.files import Storage

STORAGE = Storage()
FILES = {"label-studio": "tasks.json", "cvat": "annotations.xml", "coco": "annotations.json"}


def known(samples: Iterable[ExportedSample]) -> KnownImages:
    return KnownImages(KnownImage(one.key, one.height, one.width) for one in samples)


def images_a_and_b() -> KnownImages:
    """Two images of 6 x 8 pixels (height x width)."""
    return KnownImages([KnownImage("a", 6, 8), KnownImage("folder/b", 6, 8)])


def read(path: Path, images: KnownImages | None = None, name: Any = "auto") -> CorrectedLabels:
    return read_labels(STORAGE, str(path), name, images or images_a_and_b())


def read_text(path: Path, text: str, images: KnownImages | None = None) -> Mapping[str, LabelledImage]:
    path.write_text(text, encoding="utf-8")
    return read(path, images).images


def submit(folder: Path, name: str, *, forgetful: bool = False) -> Path:
    """Submit an export in a program without a change; return the file that it exports.

    `forgetful`: the program has dropped sample keys and object ids.
    """
    path = folder / FILES[name]
    if name == "label-studio":
        path.write_text(json.dumps(submitted(json.loads(path.read_text()), forgetful=forgetful)))
    elif name == "coco":
        path.write_text(json.dumps(renumbered(json.loads(path.read_text()), forgetful=forgetful)))
    elif forgetful:
        text = path.read_text(encoding="utf-8")
        text = re.sub(r' sample_key=("[^"]*"|\'[^\']*\')', "", text)
        text = re.sub(r'<attribute name="object_id">.*?</attribute>', "", text, flags=re.DOTALL)
        path.write_text(text, encoding="utf-8")
    return path


def submitted(tasks: list[Any], *, forgetful: bool = False) -> list[Any]:
    """Tasks of Label Studio whose predictions people have submitted as they are."""
    done = []
    for number, task in enumerate(tasks):
        regions = [region | {"origin": "prediction"} for region in task["predictions"][0]["result"]]
        data = dict(task["data"])
        if forgetful:
            del data["sample_key"]
            regions = [{name: region[name] for name in region if name != "meta"} for region in regions]
        annotation = {
            "id": 100 + number,
            "completed_by": 1,
            "result": regions,
            "was_cancelled": False,
            "created_at": "2026-11-29T10:00:00.000000Z",
            "updated_at": "2026-11-29T10:05:00.123456Z",
            "lead_time": 12.5,
        }
        done.append(
            task
            | {"id": number, "data": data, "annotations": [annotation], "drafts": [], "total_annotations": 1}
        )
    return done


def renumbered(document: dict[str, Any], *, forgetful: bool = False) -> dict[str, Any]:
    """A COCO document with new ids, and `annotations` before what they refer to."""
    new = {entry["id"]: 1000 - entry["id"] for entry in document["images"]}
    annotations = [
        entry | {"id": 7 * place + 5, "image_id": new[entry["image_id"]]}
        for place, entry in enumerate(document["annotations"])
    ]
    images = [entry | {"id": new[entry["id"]]} for entry in document["images"]]
    if forgetful:
        images = [{name: entry[name] for name in entry if name != "sample_key"} for entry in images]
        annotations = [{name: one[name] for name in one if name != "object_id"} for one in annotations]
    return {"annotations": annotations, "images": images, "categories": document["categories"]}


if __name__ == "__main__":  # FOLDER of an export, its format
    submit(Path(sys.argv[1]), sys.argv[2])

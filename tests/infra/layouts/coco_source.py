"""Small sources of COCO: entries, and the files they are written to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infra.layouts.source_note import SourceNote, Topic
from tests.infra.layouts.sources import HEIGHT, WIDTH, image_file

TRIANGLE = [[1, 1, 9, 1, 1, 9]]
FULL = {"size": [HEIGHT, WIDTH], "counts": [5, HEIGHT * WIDTH - 5]}
CATEGORIES = [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}]


def image(image_id: int, **more: Any) -> dict[str, Any]:
    return {"id": image_id, "file_name": f"{image_id:012d}.jpg", "height": HEIGHT, "width": WIDTH} | more


def annotation(
    annotation_id: Any, image_id: Any, segmentation: Any = TRIANGLE, **more: Any
) -> dict[str, Any]:
    fields = {"id": annotation_id, "image_id": image_id, "segmentation": segmentation, "category_id": 1}
    return fields | {"iscrowd": 0} | more


def write_source(
    folder: Path,
    images: list[Any],
    annotations: list[Any],
    annotations_path: str = "instances.json",
    images_folder: str = "images",
) -> None:
    path = folder / annotations_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": CATEGORIES}))
    for entry in images:
        if isinstance(entry, dict) and "file_name" in entry:
            image_file(folder / images_folder / entry["file_name"])


def told(notes: list[SourceNote], topic: Topic, words: str) -> list[str]:
    """Return the keys of the notes of a topic that have these words in them."""
    return [note.key for note in notes if note.topic is topic and words in note.text]

"""What a person is told whose source is not what its layout expects: the rule, and the layout it looks like."""

from __future__ import annotations

from pathlib import PurePosixPath

from infra.errors import LayoutError
from infra.shards.file_names import is_hidden
from infra.storage.files import Storage, join, relative_to

# the first whose folders are all there is named, so that `images/` alone comes last
_FOLDERS_OF_LAYOUT = (
    ("grabcut", ("data_GT", "boundary_GT")),
    ("voc", ("JPEGImages", "SegmentationObject")),
    ("davis", ("JPEGImages/480p", "Annotations/480p")),
    ("davis", ("img", "gt")),
    ("sbd", ("img", "inst")),
    ("folder (or berkeley)", ("images", "masks")),
)


def wrong_layout(layout: str, source_url: str, storage: Storage, expected: str) -> LayoutError:
    """Make the error for a source that lacks what its layout needs.

    Args:
        layout: name of the layout that was asked for.
        source_url: the source folder.
        storage: looks into the folder, a few requests whatever its size.
        expected: what the layout needs and where.

    """
    found = _looks_like(source_url, storage)
    message = f"{source_url} is not of layout {layout}, which expects {expected}"
    if found == layout:
        return LayoutError(f"{message}; there are folders of these names, but one of them has no such files")
    hint = f"it looks like layout {found}" if found else "it looks like no layout that is known"
    return LayoutError(f"{message}; {hint}")


def _looks_like(source_url: str, storage: Storage) -> str | None:
    for layout, folders in _FOLDERS_OF_LAYOUT:
        if all(storage.is_dir(join(source_url, folder)) for folder in folders):
            return layout
    if annotation_files(source_url, storage):
        return "coco (or lvis)"
    return "folder" if storage.is_dir(join(source_url, "images")) else None


def annotation_files(source_url: str, storage: Storage) -> list[str]:
    """List the JSON files of a source where COCO and LVIS have them: in it and in its `annotations/`."""
    urls = storage.list(source_url) + storage.list(join(source_url, "annotations"))
    return [url for url in urls if is_annotation_file(relative_to(url, source_url))]


def is_annotation_file(path: str) -> bool:
    """Tell whether a path below the source may be an annotation file of COCO."""
    return path.lower().endswith(".json") and not is_hidden(PurePosixPath(path))

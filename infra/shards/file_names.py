"""What the name of a file tells: whether it is an image, and whether a person made it at all."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath

from PIL import Image

NEED_A_PLUGIN = frozenset({".heic", ".heif", ".hif"})
_USUAL_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"}
_USUAL_SUFFIXES |= {".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"}
_OF_CAMERAS_AND_PROGRAMS = {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".jxl", ".psd"}
_OF_CAMERAS_AND_PROGRAMS |= {".dcm", ".svg", ".exr", ".hdr"}
_OF_SYSTEMS = {"__macosx", "@eadir", "thumbs.db", "desktop.ini", "#recycle", "$recycle.bin"}


@cache
def image_suffixes() -> frozenset[str]:
    """Return the suffixes, in lower case, of the files that are taken for images."""
    with_plugin = NEED_A_PLUGIN & Image.registered_extensions().keys()
    return frozenset(_USUAL_SUFFIXES | with_plugin)


def picture_suffixes() -> frozenset[str]:
    """Return the suffixes of everything that is a picture to a person, also of kinds that nothing here decodes."""
    return image_suffixes() | NEED_A_PLUGIN | _OF_CAMERAS_AND_PROGRAMS


def is_hidden(path: PurePosixPath) -> bool:
    """Tell whether a path is one that no person made: `.ipynb_checkpoints`, `__MACOSX`, `._x.jpg`."""
    return any(
        (part.startswith(".") and part not in {".", ".."}) or part.lower() in _OF_SYSTEMS
        for part in path.parts
    )

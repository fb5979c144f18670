"""What bytes are that no decoder takes, and what a person can do about it."""

from __future__ import annotations

import importlib.util

from infra.shards.tiff_tags import read_tiff_tags

_SIGNS = (
    (b"\xff\xd8", "a JPEG that is damaged or of a kind nobody reads, such as 12 bits: save it anew"),
    (b"version https://git-lfs", "a Git LFS pointer in the place of the file: fetch it with `git lfs pull`"),
    (b"<", "text, such as a web page, in the place of the file: fetch it again"),
    (b"%PDF", "a PDF: save its pages as images"),
    (b"DICM", "DICOM: save it as 16-bit PNG"),
)
READS_HEIC = importlib.util.find_spec("pillow_heif") is not None


def what_is_no_image(data: bytes) -> str:
    """Say what bytes are that no decoder takes."""
    beginning = data[:4096].lstrip() if data[128:132] != b"DICM" else b"DICM"
    if data[4:12] in {b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc", b"ftypmsf1"}:
        return (
            "a HEIC photograph that is damaged"
            if READS_HEIC
            else "a HEIC photograph: `pip install pillow-heif`"
        )
    tags = read_tiff_tags(data)
    if tags is not None and tags.bits not in {1, 8}:
        return what_does_not_decode(data, "TIFF")
    for sign, meaning in _SIGNS:
        if beginning.startswith(sign):
            return meaning
    return f"{len(data)} bytes that are no image" if data else "an empty file"


def what_does_not_decode(data: bytes, image_format: str) -> str:
    """Say which file no decoder takes, and what its values are if they are the reason."""
    tags = read_tiff_tags(data)
    text = f"the {image_format} of {len(data)} bytes does not decode"
    if tags is None or tags.bits in {1, 8}:
        return text
    return f"{text} (its values are {tags.kind} of {tags.bits} bits: save it as PNG, or as 32-bit floats)"

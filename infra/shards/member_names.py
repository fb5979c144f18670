"""What the names of tar members tell: which sample a member belongs to, and whether anything reads it.

WebDataset's rule: the key of a sample ends at the first dot of the last component, what follows is the extension.
Names such as `frame.0001.jpg` have a dot in the key itself. Their first extension (`0001.jpg`) is none that is read,
but the last one (`jpg`) is: then the key ends at the last dot, unless the words between say that it is a mask.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from infra.shards.file_names import is_hidden, picture_suffixes

DOCUMENT = "json"
PICTURES = frozenset(suffix.removeprefix(".") for suffix in picture_suffixes())

_WORDS = (
    "mask masks seg segm segmentation segmentations semantic panoptic parsing label labels labelids labeltrainids "
    "instance instances instanceids annotation annotations annots gt groundtruth target targets alpha matte trimap "
    "depth disparity normal normals edge edges"
)
_MASK_WORDS = frozenset(_WORDS.split())
_MASK_FOLDERS = _MASK_WORDS | {"ground_truth", "segmentationclass", "segmentationobject", "gt_masks"}
_SEPARATORS = re.compile(r"[._\- ]")
_HIDDEN = "hidden files, and those of file managers and notebooks"
_UNPACK = "which are not read from a tar: unpack it and run mfp shard --layout folder"
_LONGEST_SUFFIX = 12  # of a name whose last part is taken for a suffix


class MemberUse(StrEnum):
    """PLAIN: the key ends at the first dot. DOTTED: at the last one. LEFT_OUT: nothing reads the member."""

    PLAIN = "plain"
    DOTTED = "dotted"
    LEFT_OUT = "left_out"


@dataclass(frozen=True)
class MemberName:
    """A member by its name: `stem` is the key up to the first dot, `key` that of its sample; `extension` lower case.

    `why` is what is to be told of a member that is left out. A PLAIN or DOTTED one that has a `why` is left out unless
    its sample has JSON as well, since its folder says that it is no photograph.
    """

    use: MemberUse
    stem: str = ""
    key: str = ""
    extension: str = ""
    why: str = ""

    @classmethod
    def of(cls, name: str) -> MemberName:
        """Understand the name of a member, which may have folders in it."""
        path = name.removeprefix("./")
        folder, slash, base = path.rpartition("/")
        first, _, rest = base.partition(".")
        if not first:
            return _left_out(_HIDDEN)
        extension = rest.lower()
        middle, _, last = extension.rpartition(".")
        if last != DOCUMENT and last not in PICTURES:
            return _left_out(_unread(last))
        why = _why_of_folder(folder) if last in PICTURES else ""
        stem = f"{folder}{slash}{first}"
        if not middle:
            return cls(MemberUse.PLAIN, stem, stem, extension, why)
        if words := _MASK_WORDS.intersection(_SEPARATORS.split(middle)):
            return _left_out(f"members .{min(words)}.{last}, by their name a mask or the like, {_UNPACK}")
        return cls(MemberUse.DOTTED, stem, f"{folder}{slash}{base[: -len(last) - 1]}", last, why)


def is_mask_of(name: str, key: str) -> bool:
    """Tell whether a key continues that of the image before it with a word for masks: `x_mask` behind `x`."""
    ending = name[len(key) :].lower()
    return (
        name.startswith(key)
        and _SEPARATORS.match(ending) is not None
        and bool(_MASK_WORDS.intersection(_SEPARATORS.split(ending)))
    )


def _why_of_folder(folder: str) -> str:
    if is_hidden(PurePosixPath(folder)):
        return _HIDDEN
    if folder.rpartition("/")[2].lower() in _MASK_FOLDERS:
        return f"images in a folder for masks, {_UNPACK}"
    return ""


def _left_out(why: str) -> MemberName:
    return MemberName(MemberUse.LEFT_OUT, why=why)


def _unread(suffix: str) -> str:
    if not suffix:
        return "members without a suffix, which are not read"
    if len(suffix) > _LONGEST_SUFFIX or not suffix.isalnum():
        return "members of other suffixes, which are not read"
    return f"members .{suffix}, which are not read"

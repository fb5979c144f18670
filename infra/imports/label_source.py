"""The file of corrected labels that is being read, and what of it is left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from infra.imports.known_images import KnownImages
from infra.storage.files import Storage


@dataclass(frozen=True)
class LabelSource:
    """A file, and the images that it may be about.

    Attributes:
        storage, url: the file.
        images: of the run.
        left_out: what was not read and how often, in words: `cancelled annotations`.
    """

    storage: Storage
    url: str
    images: KnownImages
    left_out: Counter[str] = field(default_factory=Counter)

"""Which samples of a source are read: a split by name or by a list of stems."""

from __future__ import annotations

from infra.errors import LayoutError
from infra.storage.files import Storage, join


def listed_stems(source_url: str, storage: Storage, split: str) -> list[str]:
    """Read the stems of a split, in the order of its list.

    Args:
        source_url: the source folder.
        storage: opens it.
        split: a name NAME with NAME.txt in the source folder, or the URL of such a file; one stem a line.

    Raises:
        LayoutError: there is no such list, or nothing in it.

    """
    candidates = [join(source_url, f"{split}.txt"), split] if "/" not in split else [split]
    for url in candidates:
        if storage.exists(url):
            lines = storage.read_bytes(url).decode("utf-8-sig", errors="surrogateescape").splitlines()
            stems = [line.strip() for line in lines if line.strip()]
            if not stems:
                raise LayoutError(f"the list {url} is empty: it takes the stem of one sample a line")
            return stems
    raise LayoutError(
        f"no list of the split {split!r} at {' or '.join(candidates)}: it takes one stem a line"
    )

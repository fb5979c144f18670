"""What is to be told of a shard beside its samples: how it was understood, and what in it was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from annotated_types import Ge

NUM_KEYS = 3  # of each kind, enough to look one up
_MOST_TEXTS = 40  # a run keeps them for each shard, whatever somebody put into it
_OTHERS = "others, of more kinds than are listed"


@dataclass(frozen=True)
class ShardNote:
    """One thing to be told of a member, column or sample of a shard; `text` is the same for everything of its kind."""

    text: str
    key: str

    def __post_init__(self) -> None:
        # names of another encoding are escaped: the note is printed and becomes JSON
        for field in ("text", "key"):
            escaped = getattr(self, field).encode("utf-8", "backslashreplace").decode()
            object.__setattr__(self, field, escaped)


OnNote: TypeAlias = Callable[[ShardNote], object]


def ignore_note(note: ShardNote) -> None:
    """Pass over a note, for whoever reads a shard again."""


@dataclass(frozen=True)
class NoteCount:
    """How often one thing was to be told, and of which keys first."""

    text: str
    count: Annotated[int, Ge(0)]
    first_keys: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.first_keys) else ""
        return f"{self.count:,} x {self.text} ({', '.join(self.first_keys)}{more})"


class NoteTally:
    """Counts notes by their text."""

    def __init__(self) -> None:
        self._counts: dict[str, NoteCount] = {}

    def add(self, note: ShardNote) -> None:
        """Take one note."""
        self._take(NoteCount(note.text, 1, (note.key,)))

    def add_all(self, counts: Iterable[NoteCount]) -> None:
        """Take what was counted elsewhere."""
        for count in counts:
            self._take(count)

    def counts(self) -> tuple[NoteCount, ...]:
        """Return what was counted, the most frequent first."""
        return tuple(sorted(self._counts.values(), key=lambda count: -count.count))

    def _take(self, new: NoteCount) -> None:
        known = new.text in self._counts or len(self._counts) < _MOST_TEXTS
        text = new.text if known else _OTHERS
        so_far = self._counts.get(text, NoteCount(text, 0, ()))
        keys = dict.fromkeys((*so_far.first_keys, *new.first_keys))
        self._counts[text] = NoteCount(text, so_far.count + new.count, tuple(keys)[:NUM_KEYS])

"""What a person is told of a source beside its samples: how files were understood, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Topic(StrEnum):
    """READ: how values or names were understood. LEFT_OUT: files or entries that became no sample, and no record
    in `errors`. DOUBT: something was taken as it is, and a person should look at it."""

    READ = "read"
    LEFT_OUT = "left_out"
    DOUBT = "doubt"


@dataclass(frozen=True)
class SourceNote:
    """One thing to be told of one file, sample or entry.

    `text` is the same for everything of its kind, since `mfp shard` counts by it; it names the option that changes
    what was done, if there is one. `key` says which: the key of a sample, a path below the source, or an entry.
    """

    topic: Topic
    text: str
    key: str

    def __post_init__(self) -> None:
        # names of another encoding are escaped: the note is printed and becomes JSON
        object.__setattr__(self, "key", self.key.encode("utf-8", "backslashreplace").decode())

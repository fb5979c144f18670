"""WebDataset tars as a stream: members of one sample are adjacent and share the key up to the first dot."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from infra.errors import DatasetError

MAX_MEMBER_BYTES = 512 * 2**20  # what one member may take of a worker's memory
MAX_DOCUMENT_BYTES = (
    32 * 2**20
)  # JSON takes a multiple of its size once parsed; 1,000 objects need less than 10 MB
_BLOCK = 2**20


@dataclass
class TarGroup:
    """The members of one sample, by lower-case extension; `too_large` names those that were not read."""

    key: str
    members: dict[str, bytes] = field(default_factory=dict)
    too_large: list[str] = field(default_factory=list)


class MeasuredStream:
    """Counts and hashes what is read through it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.num_bytes = 0

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        data = self._stream.read(size)
        self._digest.update(data)
        self.num_bytes += len(data)
        return data

    def drain(self) -> str:
        """Read to the end and return the hex SHA-256 of everything."""
        while self.read(_BLOCK):
            pass
        return self._digest.hexdigest()


def read_groups(stream: MeasuredStream, url: str, extensions: Collection[str]) -> Iterator[TarGroup]:
    """Yield the samples of a tar one by one; members with other extensions are skipped.

    A key is a name, never a path: nothing is extracted.

    Raises:
        DatasetError: the tar is broken or ends before its end marker.

    """
    group: TarGroup | None = None
    try:
        # tarfile takes a stream with nothing but `read`; its type hints do not know
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictTarInfo) as tar:  # type: ignore[call-overload]
            while (member := tar.next()) is not None:
                tar.members = []  # tarfile remembers every member; a shard may have millions
                key, extension = split_name(member.name)
                if not member.isfile() or not key or extension not in extensions:
                    continue
                if group is None or group.key != key:
                    if group is not None:
                        yield group
                    group = TarGroup(key)
                if member.size > max_bytes(extension):
                    group.too_large.append(extension)
                    continue
                group.members[extension] = tar.extractfile(member).read()
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise DatasetError(
            f"shard {url} is broken after {stream.num_bytes} bytes ({error}): copy it again, or run mfp shard again"
        ) from None
    if group is not None:
        yield group


def max_bytes(extension: str) -> int:
    """Return how large a member with this extension may be."""
    return MAX_DOCUMENT_BYTES if extension == "json" else MAX_MEMBER_BYTES


def split_name(name: str) -> tuple[str, str]:
    """Split a member name into key and lower-case extension at the first dot after the last slash.

    A hidden file (`.DS_Store`, `._x.jpg`) has no key: ("", ...).
    """
    folder, slash, base = name.removeprefix("./").rpartition("/")
    stem, _, extension = base.partition(".")
    return (f"{folder}{slash}{stem}" if stem else ""), extension.lower()


class _StrictTarInfo(tarfile.TarInfo):
    """tarfile takes a broken header after the first for the end of the archive; here only the end marker is one."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> _StrictTarInfo:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from None

"""WebDataset tars as a stream: the members of one sample are adjacent and share their key (`member_names.py`)."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from infra.errors import DatasetError
from infra.shards.file_signs import what_is_no_shard
from infra.shards.member_names import DOCUMENT, PICTURES, MemberName, MemberUse, is_mask_of
from infra.shards.shard_note import OnNote, ShardNote

MAX_MEMBER_BYTES = 512 * 2**20  # what one member may take of a worker's memory
MAX_DOCUMENT_BYTES = (
    32 * 2**20
)  # JSON takes a multiple of its size once parsed; 1,000 objects need less than 10 MB
_BLOCK = 2**20
_BEGINNING = 512

_LINKS = "links, behind which a tar has no content: pack it with `tar --dereference --hard-dereference`"
_DEVICES = "devices and pipes"
_BESIDE = (
    "members with a dot in the name beside a sample of the name before it, of which only that one's are read"
)
_MASK_BESIDE = (
    "images called as the one before them and `_mask` or the like, which are not read from a tar: unpack it and run "
    "mfp shard --layout folder"
)


@dataclass
class TarGroup:
    """The members of one sample, by lower-case extension; `too_large` names those that were not read.

    `stem` is the key up to its first dot. `why_without_json` says why these are no sample, if they have no JSON; ""
    if they are one.
    """

    key: str
    stem: str
    why_without_json: str = ""
    members: dict[str, bytes] = field(default_factory=dict)
    too_large: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Tell whether the group has an image and its JSON."""
        present = {*self.members, *self.too_large}
        return DOCUMENT in present and not present.isdisjoint(PICTURES)

    def has(self, extension: str) -> bool:
        """Tell whether the group has a member of an extension."""
        return extension in self.members or extension in self.too_large


class MeasuredStream:
    """Counts and hashes what is read through it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.num_bytes = 0
        self.beginning = b""

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes."""
        data = self._stream.read(size)
        self._digest.update(data)
        if len(self.beginning) < _BEGINNING:
            self.beginning += data[: _BEGINNING - len(self.beginning)]
        self.num_bytes += len(data)
        return data

    def drain(self) -> str:
        """Read to the end and return the hex SHA-256 of everything."""
        while self.read(_BLOCK):
            pass
        return self._digest.hexdigest()


def read_groups(stream: MeasuredStream, url: str, on_note: OnNote) -> Iterator[TarGroup]:
    """Yield the samples of a tar one by one; `on_note` is told of every member that belongs to none.

    A key is a name, never a path: nothing is extracted.

    Raises:
        DatasetError: the tar is broken, is none, or ends before its end marker.

    """
    grouping = _Grouping(on_note)
    num_members = 0
    try:
        # tarfile takes a stream with nothing but `read`; its type hints do not know
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictTarInfo) as tar:  # type: ignore[call-overload]
            while (member := tar.next()) is not None:
                tar.members = []  # tarfile remembers every member; a shard may have millions
                num_members += 1
                if member.isdir():
                    continue
                if not member.isfile():
                    is_link = member.issym() or member.islnk()
                    on_note(ShardNote(_LINKS if is_link else _DEVICES, member.name))
                    continue
                name = MemberName.of(member.name)
                yield from grouping.before(name, member.name)
                if (group := grouping.group_of(name)) is None:
                    continue
                if member.size > max_bytes(name.extension):
                    group.too_large.append(name.extension)
                else:
                    group.members[name.extension] = tar.extractfile(member).read()
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        if not _is_tar(stream.beginning) and (other := what_is_no_shard(stream.beginning)):
            raise DatasetError(f"shard {url} is {other}") from None
        raise DatasetError(
            f"shard {url} is broken after {stream.num_bytes} bytes ({error}): copy it again, or run mfp shard again"
        ) from None
    if not num_members:
        on_note(ShardNote("empty tars", url))
    yield from grouping.rest()


def _is_tar(beginning: bytes) -> bool:
    return beginning[257:262] == b"ustar"


class _Grouping:
    """The sample whose members are coming: one of each way to name them, of which one at a time gets members."""

    def __init__(self, on_note: OnNote) -> None:
        self._on_note = on_note
        self._plain: list[TarGroup] = []
        self._dotted: list[TarGroup] = []
        self._last_image = ""  # key of the last image that is no mask

    def before(self, name: MemberName, member: str) -> Iterator[TarGroup]:
        """Yield the samples that are complete when this member comes, and make room for it if it is not left out."""
        if why := self._why_left_out(name):
            self._on_note(ShardNote(why, member))
        elif name.use is MemberUse.PLAIN:
            yield from self._close_dotted(name.stem)
            yield from self._make_room(self._plain, name)
        else:
            yield from self._close(self._plain)
            yield from self._make_room(self._dotted, name)

    def group_of(self, name: MemberName) -> TarGroup | None:
        """Return the sample that a member belongs to, for which there is room; None if it is left out."""
        if self._why_left_out(name):
            return None
        return (self._plain if name.use is MemberUse.PLAIN else self._dotted)[0]

    def rest(self) -> Iterator[TarGroup]:
        """Yield what is left at the end of the tar."""
        yield from self._close(self._dotted)
        yield from self._close(self._plain)

    def _why_left_out(self, name: MemberName) -> str:
        if name.use is MemberUse.LEFT_OUT:
            return name.why
        if name.use is MemberUse.DOTTED and any(group.stem == name.stem for group in self._plain):
            return _BESIDE
        return ""

    def _close_dotted(self, stem: str) -> Iterator[TarGroup]:
        """`x.cam.png` before `x.jpg` is no sample, but something of the sample x."""
        for group in self._dotted:
            if group.stem == stem and not group.is_whole:
                group.why_without_json = _BESIDE
        yield from self._close(self._dotted)

    def _make_room(self, groups: list[TarGroup], name: MemberName) -> Iterator[TarGroup]:
        if any(group.key != name.key or group.has(name.extension) for group in groups):
            yield from self._close(groups)
        if not groups:
            is_mask = name.extension in PICTURES and is_mask_of(name.key, self._last_image)
            why = _MASK_BESIDE if is_mask else name.why
            groups.append(TarGroup(name.key, name.stem, why))
            if name.extension in PICTURES and not why:
                self._last_image = name.key

    def _close(self, groups: list[TarGroup]) -> Iterator[TarGroup]:
        while groups:
            group = groups.pop()
            if group.why_without_json and not group.has(DOCUMENT):
                for extension in (*group.members, *group.too_large):
                    self._on_note(ShardNote(group.why_without_json, f"{group.key}.{extension}"))
            else:
                yield group


def max_bytes(extension: str) -> int:
    """Return how large a member with this extension may be."""
    return MAX_DOCUMENT_BYTES if extension == DOCUMENT else MAX_MEMBER_BYTES


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

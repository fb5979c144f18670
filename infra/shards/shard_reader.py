"""Reading a shard, tar or Parquet, as a stream of samples and of records of what is broken."""

from __future__ import annotations

from collections.abc import Iterator

from infra.errors import DatasetError, Reason
from infra.shards.file_names import image_suffixes
from infra.shards.manifest import ShardEntry
from infra.shards.member_names import DOCUMENT, PICTURES
from infra.shards.parquet_shard import read_parquet
from infra.shards.raw_sample import RawSample, check_sample
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import ShardItem, parse_document
from infra.shards.shard_listing import kind_of
from infra.shards.shard_note import OnNote, ShardNote, ignore_note
from infra.shards.tar_stream import MeasuredStream, TarGroup, max_bytes, read_groups
from infra.storage.files import Storage

_UNREADABLE_BESIDE = "pictures of a kind that is not read, beside one of the same name that is"


def read_shard(
    storage: Storage, shard_url: str, expected: ShardEntry | None = None, on_note: OnNote = ignore_note
) -> Iterator[ShardItem]:
    """Yield the samples of a shard in order; a broken one, or a broken object, is a `QuarantinedSample`.

    One sample's encoded bytes are held at a time, beside the read buffers. Pixels are not decoded: a file that
    breaks behind its header shows in `decode_image`. What is yielded before an exception must not be committed.
    `on_note` is told, while the samples are read, what is left out besides and what was taken for what.

    Raises:
        DatasetError: the shard as a whole is broken, or differs from `expected` in size or checksum.
        StorageError: it cannot be read.

    """
    kind = kind_of(shard_url)
    if kind == "tar":
        items = _read_tar(storage, shard_url, expected, on_note)
    elif kind == "parquet":
        items = _read_parquet(storage, shard_url, expected, on_note)
    else:
        raise DatasetError(f"shard {shard_url} is neither .tar nor .parquet")
    return _without_duplicates(items)


def _read_tar(
    storage: Storage, url: str, expected: ShardEntry | None, on_note: OnNote
) -> Iterator[ShardItem]:
    with storage.open_read(url) as stream:
        measured = MeasuredStream(stream)
        for group in read_groups(measured, url, on_note):
            yield from _items_of_group(group, on_note)
        sha256 = measured.drain()
    _check_size(url, measured.num_bytes, expected)
    if expected is not None and expected.sha256 not in {None, sha256}:
        raise DatasetError(
            f"shard {url} does not have the checksum of dataset.json: copy it or shard it again"
        )


def _read_parquet(
    storage: Storage, url: str, expected: ShardEntry | None, on_note: OnNote
) -> Iterator[ShardItem]:
    _check_size(url, storage.size(url), expected)
    name = expected.name if expected is not None else url.rsplit("/", 1)[-1]
    with storage.open_read(url) as stream:
        yield from read_parquet(stream, url, name[: -len(".parquet")], on_note)


def _check_size(url: str, num_bytes: int, expected: ShardEntry | None) -> None:
    if expected is not None and num_bytes != expected.bytes:
        raise DatasetError(
            f"shard {url} has {num_bytes} bytes, the data set says {expected.bytes}: copy it or shard it again"
        )


def _items_of_group(group: TarGroup, on_note: OnNote) -> Iterator[ShardItem]:
    if group.too_large:
        extension = group.too_large[0]
        detail = f"a member .{extension} of more than {max_bytes(extension)} bytes"
        reason = Reason.BAD_METADATA if extension == DOCUMENT else Reason.IMAGE_TOO_LARGE
        yield QuarantinedSample(group.key, reason, detail)
        return
    pictures = [extension for extension in group.members if extension in PICTURES]
    readable = [extension for extension in pictures if f".{extension}" in image_suffixes()]
    if len(readable) == 1:
        for extension in pictures:
            if extension not in readable:
                on_note(ShardNote(_UNREADABLE_BESIDE, f"{group.key}.{extension}"))
        pictures = readable
    if len(pictures) > 1:
        named = ", ".join(f".{extension}" for extension in pictures)
        detail = (
            f"{len(pictures)} images share the key ({named}): a sample has one image and its masks in .json; "
            "if one is a mask, unpack the tar and run mfp shard --layout folder"
        )
        yield QuarantinedSample(group.key, Reason.BAD_METADATA, detail)
        return
    image_bytes = group.members[pictures[0]] if pictures else None
    document = group.members.get(DOCUMENT)
    if document is not None:
        yield from parse_document(group.key, document, image_bytes, on_note)
        return
    assert image_bytes is not None  # a group has at least one of the members that are read
    yield from check_sample(RawSample(group.key, image_bytes), on_note)


def _without_duplicates(items: Iterator[ShardItem]) -> Iterator[ShardItem]:
    seen: set[str] = set()
    for item in items:
        if isinstance(item, Sample):
            if item.key in seen:
                yield QuarantinedSample(
                    item.key, Reason.DUPLICATE_KEY, "an earlier sample of the shard has this key"
                )
                continue
            seen.add(item.key)
        yield item

"""Reading a shard, tar or Parquet, as a stream of samples and of records of what is broken."""

from __future__ import annotations

from collections.abc import Iterator

from infra.errors import DatasetError, Reason
from infra.shards.manifest import ShardEntry
from infra.shards.parquet_shard import read_parquet
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import RawSample, ShardItem, check_sample, parse_document
from infra.shards.tar_stream import MeasuredStream, TarGroup, max_bytes, read_groups
from infra.storage.files import Storage

_IMAGE_EXTENSIONS = ("jpg", "jpeg", "png", "webp")


def read_shard(storage: Storage, shard_url: str, expected: ShardEntry | None = None) -> Iterator[ShardItem]:
    """Yield the samples of a shard in order; a broken one, or a broken object, is a `QuarantinedSample`.

    One sample's encoded bytes are held at a time, beside the read buffers. Pixels are not decoded: a file that
    breaks behind its header shows in `decode_image`. What is yielded before an exception must not be committed.

    Raises:
        DatasetError: the shard as a whole is broken, or differs from `expected` in size or checksum.
        StorageError: it cannot be read.

    """
    if shard_url.endswith(".tar"):
        items = _read_tar(storage, shard_url, expected)
    elif shard_url.endswith(".parquet"):
        items = _read_parquet(storage, shard_url, expected)
    else:
        raise DatasetError(f"shard {shard_url} is neither .tar nor .parquet")
    return _without_duplicates(items)


def _read_tar(storage: Storage, url: str, expected: ShardEntry | None) -> Iterator[ShardItem]:
    with storage.open_read(url) as stream:
        measured = MeasuredStream(stream)
        for group in read_groups(measured, url, (*_IMAGE_EXTENSIONS, "json")):
            yield from _items_of_group(group)
        sha256 = measured.drain()
    _check_size(url, measured.num_bytes, expected)
    if expected is not None and expected.sha256 not in {None, sha256}:
        raise DatasetError(
            f"shard {url} does not have the checksum of dataset.json: copy it or shard it again"
        )


def _read_parquet(storage: Storage, url: str, expected: ShardEntry | None) -> Iterator[ShardItem]:
    _check_size(url, storage.size(url), expected)
    name = expected.name if expected is not None else url.rsplit("/", 1)[-1]
    with storage.open_read(url) as stream:
        yield from read_parquet(stream, url, name.removesuffix(".parquet"))


def _check_size(url: str, num_bytes: int, expected: ShardEntry | None) -> None:
    if expected is not None and num_bytes != expected.bytes:
        raise DatasetError(
            f"shard {url} has {num_bytes} bytes, the data set says {expected.bytes}: copy it or shard it again"
        )


def _items_of_group(group: TarGroup) -> Iterator[ShardItem]:
    if group.too_large:
        extension = group.too_large[0]
        detail = f"a member .{extension} of more than {max_bytes(extension)} bytes"
        reason = Reason.BAD_METADATA if extension == "json" else Reason.IMAGE_TOO_LARGE
        yield QuarantinedSample(group.key, reason, detail)
        return
    images = [group.members[extension] for extension in _IMAGE_EXTENSIONS if extension in group.members]
    if len(images) > 1:
        yield QuarantinedSample(group.key, Reason.BAD_METADATA, f"{len(images)} images share the key")
        return
    image_bytes = images[0] if images else None
    document = group.members.get("json")
    if document is not None:
        yield from parse_document(group.key, document, image_bytes)
        return
    assert image_bytes is not None  # a group has at least one of the members that were asked for
    yield from check_sample(RawSample(group.key, image_bytes))


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

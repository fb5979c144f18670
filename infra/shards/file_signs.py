"""What a file is that was taken for a shard, by its first bytes."""

from __future__ import annotations

_SIGNS = (
    (b"\x1f\x8b", "compressed with gzip, and shards are read as they are: unpack it with gunzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd, and shards are read as they are: unpack it with unzstd"),
    (b"BZh", "compressed with bzip2, and shards are read as they are: unpack it with bunzip2"),
    (b"\xfd7zXZ", "compressed with xz, and shards are read as they are: unpack it with unxz"),
    (b"PK\x03\x04", "a zip: unpack it, and make shards of its files with mfp shard"),
    (b"version https://git-lfs", "a Git LFS pointer in the place of the file: fetch it with `git lfs pull`"),
    (b"<", "text, such as a web page, in the place of the file: fetch it again"),
    (b"PAR1", "a Parquet file: call it .parquet"),
    (b"ARROW1", "an Arrow file: save it as Parquet (`to_parquet` of datasets)"),
)


def what_is_no_shard(beginning: bytes) -> str:
    """Say what a file is, and the remedy, if its first bytes tell; "" if they do not."""
    for sign, meaning in _SIGNS:
        if beginning.startswith(sign):
            return meaning
    return "a tar: call it .tar" if beginning[257:262] == b"ustar" else ""

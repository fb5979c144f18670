"""Small gets from S3."""

from __future__ import annotations

from collections.abc import Sequence

from infra.storage.files import Storage, join
from infra.storage.s3 import open_client
from pipelines.benchmarks.pieces.piece import Choice, Function, Piece


def gets(contents: Sequence[bytes], place: str, storage: Storage) -> Piece:
    """Whole files of some ten kilobytes, one after the other; they are written first."""
    urls = [join(place, f"{number}.jpg") for number in range(len(contents))]
    for url, content in zip(urls, contents, strict=True):
        storage.write_bytes(url, content)
    bucket = place.removeprefix("s3://").partition("/")[0]
    return Piece(
        "get of a small file from S3",
        urls,
        Choice("ours (s3fs)", lambda: storage.read_bytes),
        (
            Choice("boto3", lambda: _boto3(storage)),
            Choice("obstore", lambda: _obstore(bucket, storage)),
            Choice("PyArrow", lambda: _pyarrow(storage)),
        ),
        lambda one, other: bool(one == other),
    )


def _path(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def _boto3(storage: Storage) -> Function:
    client = open_client(storage.options.endpoint, storage.options.region)

    def get(url: str) -> bytes:
        bucket, key = _path(url)
        content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    return get


def _obstore(bucket: str, storage: Storage) -> Function:
    import obstore
    from obstore.store import S3Store

    given = {"endpoint": storage.options.endpoint, "region": storage.options.region}
    store = S3Store(
        bucket,
        client_options={"allow_http": True},
        **{name: value for name, value in given.items() if value is not None},
    )
    return lambda url: bytes(obstore.get(store, _path(url)[1]).bytes())


def _pyarrow(storage: Storage) -> Function:
    import os
    from urllib.parse import urlsplit

    from pyarrow.fs import S3FileSystem

    endpoint = storage.options.endpoint or os.environ.get("AWS_ENDPOINT_URL")
    parts = urlsplit(endpoint or "")
    there = {"scheme": parts.scheme, "endpoint_override": parts.netloc} if endpoint else {}
    if storage.options.region is not None:
        there["region"] = storage.options.region
    filesystem = S3FileSystem(**there)

    def get(url: str) -> bytes:
        with filesystem.open_input_file("/".join(_path(url))) as file:
            content: bytes = file.read()
        return content

    return get

"""S3 clients: s3fs for reading, writing and listing, boto3 for the conditional put."""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import urlsplit

from infra.errors import StorageError

_CONNECT_SECONDS = 3
_BOTO_CONFIG: dict[str, Any] = {
    "retries": {"mode": "standard", "max_attempts": 8},
    "connect_timeout": _CONNECT_SECONDS,
    "read_timeout": 30,
}
_PARTS_AT_ONCE = 2  # of a multipart upload; each is 50 MB in memory, and s3fs would hold ten
_CONDITION_FAILED = {409, 412}  # 409: another conditional put to this key is under way, and may yet fail
_NOT_IMPLEMENTED = 501


def open_filesystem(endpoint: str | None, region: str | None) -> Any:
    """Build an s3fs file system; None leaves endpoint and region to the AWS variables."""
    import fsspec

    return fsspec.filesystem(
        "s3",
        endpoint_url=endpoint,
        client_kwargs={"region_name": region} if region else {},
        config_kwargs=_BOTO_CONFIG,
        max_concurrency=_PARTS_AT_ONCE,
        use_listings_cache=False,
        skip_instance_cache=True,  # a cached one would keep credentials that have changed since
    )


def open_client(endpoint: str | None, region: str | None) -> Any:
    """Build a boto3 client; None leaves endpoint and region to the AWS variables."""
    import boto3
    from botocore.config import Config

    session = boto3.session.Session()
    return session.client("s3", endpoint_url=endpoint, region_name=region, config=Config(**_BOTO_CONFIG))


def create(client: Any, url: str, data: bytes) -> bool:
    """Put an object only if there is none; False if there is one.

    A server that does not know the condition gets the object without it, as one that ignores it would take it.
    """
    from botocore.exceptions import ClientError

    bucket, _, key = url.removeprefix("s3://").partition("/")
    try:
        client.put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status in _CONDITION_FAILED:
            return False
        if status != _NOT_IMPLEMENTED:
            raise
        client.put_object(Bucket=bucket, Key=key, Body=data)
    return True


def check_endpoint(endpoint: str | None) -> None:
    """Connect to the endpoint once, where one is given here or in the AWS variables.

    The clients' retries are made for a server that restarts; a mistyped address should not wait for them.

    Raises:
        StorageError: it is no URL, or nothing answers there within seconds.

    """
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint is None:
        return
    parts = urlsplit(endpoint)
    if parts.username or parts.password:
        raise StorageError(
            f"S3 endpoint {parts.scheme}://...@{parts.hostname} carries credentials, which end up in logs: "
            "give them in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise StorageError(f"S3 endpoint {endpoint!r} is no URL: give it as http://HOST:PORT or https://HOST")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise StorageError(
            f"no S3 server answers at {endpoint} ({error}): check the endpoint option or AWS_ENDPOINT_URL"
        ) from None

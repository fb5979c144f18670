"""S3 clients: s3fs for reading, writing and listing, boto3 for the conditional put."""

from __future__ import annotations

import http.client
import os
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult

from infra.errors import StorageError
from infra.storage.endpoint import parts_of_endpoint

_CONNECT_SECONDS = 3
_BOTO_CONFIG: dict[str, Any] = {
    "retries": {"mode": "standard", "max_attempts": 8},
    "connect_timeout": _CONNECT_SECONDS,
    "read_timeout": 30,
}
_PARTS_AT_ONCE = 2  # of a multipart upload; each is 50 MB in memory, and s3fs would hold ten
_CONDITION_FAILED = {409, 412}  # 409: another conditional put to this key is under way, and may yet fail
_NOT_IMPLEMENTED = 501
_LOOK_SECONDS = 10
_SERVER_ERROR = 500
_CHECKSUM_SETTINGS = ("request_checksum_calculation", "response_checksum_validation")
_AWS_HOST = ".amazonaws.com"


def open_filesystem(endpoint: str | None, region: str | None) -> Any:
    """Build an s3fs file system; None leaves endpoint and region to the AWS variables."""
    import fsspec

    return fsspec.filesystem(
        "s3",
        endpoint_url=endpoint,
        client_kwargs={"region_name": region} if region else {},
        config_kwargs=_boto_config(endpoint),
        max_concurrency=_PARTS_AT_ONCE,
        use_listings_cache=False,
        skip_instance_cache=True,  # a cached one would keep credentials that have changed since
    )


def open_client(endpoint: str | None, region: str | None) -> Any:
    """Build a boto3 client; None leaves endpoint and region to the AWS variables."""
    import boto3
    from botocore.config import Config

    session = boto3.session.Session()
    return session.client(
        "s3", endpoint_url=endpoint, region_name=region, config=Config(**_boto_config(endpoint))
    )


def _boto_config(endpoint: str | None) -> dict[str, Any]:
    """Settings of both clients.

    Stores other than Amazon's are sent checksums only if an operation needs one: some refuse the headers. What a person
    has set, by variable or in the AWS configuration file, stays.
    """
    endpoint = _endpoint_in_force(endpoint)
    if endpoint is None or (parts_of_endpoint(endpoint).hostname or "").endswith(_AWS_HOST):
        return _BOTO_CONFIG
    in_file = _profile()
    return _BOTO_CONFIG | {
        name: "when_required"
        for name in _CHECKSUM_SETTINGS
        if f"AWS_{name.upper()}" not in os.environ and name not in in_file
    }


def _profile() -> dict[str, Any]:
    """The settings of the AWS configuration file that are in force."""
    from botocore.exceptions import BotoCoreError
    from botocore.session import get_session

    with suppress(BotoCoreError):  # a client says it better
        found: dict[str, Any] = get_session().get_scoped_config()
        return found
    return {}


def _endpoint_in_force(endpoint: str | None) -> str | None:
    return endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def reason_of_refusal(client: Any, url: str, error: Exception) -> Exception:
    """Return what a server says about a URL that it refused to describe; `error` if it says no more than that.

    S3 answers a HEAD with a number and no text, so that a wrong region, a wrong clock and an expired token look alike;
    its answer to a GET names the reason.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    try:
        if key:
            client.get_object(Bucket=bucket, Key=key, Range="bytes=0-0")
        else:
            client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    except Exception as told:
        return told
    return error


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


def check_endpoint(endpoint: str | None, bucket: str) -> None:
    """Connect to the endpoint once, if one is given here or in the AWS variables, and ask for the bucket.

    The clients' retries are made for a server that restarts; a mistyped address should not wait for them.

    Raises:
        StorageError: it is no URL, nothing answers there within seconds, or what answers is a web site.

    """
    endpoint = _endpoint_in_force(endpoint)
    if endpoint is None:
        return
    parts = parts_of_endpoint(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise StorageError(
            f"no S3 server answers at {endpoint} ({error}): check --storage-endpoint or AWS_ENDPOINT_URL"
        ) from None
    _refuse_web_site(endpoint, parts, bucket)


def _refuse_web_site(endpoint: str, parts: SplitResult, bucket: str) -> None:
    """Ask for a listing without credentials: a server of S3 answers in XML, if only that access is denied.

    A console answers every path with a page and 200, so that every file would seem to be there.
    """
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_LOOK_SECONDS)
    try:
        path = f"{parts.path.rstrip('/')}/{bucket}?list-type=2&max-keys=1"
        connection.request("GET", path, headers={"Accept": "application/xml"})
        answer = connection.getresponse()
        content_type, start = answer.headers.get_content_type(), answer.read(200).lstrip().lower()
    except (OSError, http.client.HTTPException, ValueError):
        return  # certificates, proxies and the like are the clients' matter
    finally:
        connection.close()
    is_page = content_type == "text/html" or start.startswith((b"<!doctype html", b"<html"))
    if is_page and answer.status < _SERVER_ERROR:  # above, something before the server tells that it is away
        raise StorageError(
            f"what answers at {endpoint} is no S3 server: it sends a web page (HTTP {answer.status}); perhaps this is "
            "the port of its console, or it needs https: give the URL of the S3 interface as --storage-endpoint or "
            "AWS_ENDPOINT_URL"
        )

"""The URL of an S3 server, taken apart."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from infra.errors import StorageError
from infra.storage.credentials import refuse_credentials_in_endpoint


def parts_of_endpoint(endpoint: str) -> SplitResult:
    """Split the URL of an S3 server.

    Raises:
        StorageError: it is no URL of http or https, its port is no number up to 65535, or it carries credentials.

    """
    refuse_credentials_in_endpoint(endpoint)
    try:
        parts = urlsplit(endpoint)
        _ = parts.port  # which is checked when it is asked for
    except ValueError:
        raise _no_url(endpoint) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _no_url(endpoint)
    return parts


def _no_url(endpoint: str) -> StorageError:
    return StorageError(
        f"S3 endpoint {endpoint!r} is no URL: give it as http://HOST:PORT or https://HOST, with a port up to 65535"
    )

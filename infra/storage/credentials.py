"""Credentials in URLs: they are refused, because URLs are written into records, logs and lists of jobs."""

from __future__ import annotations

import re

from infra.errors import StorageError

_SIGNATURE = re.compile(
    r"[?&](x-amz-(signature|security-token)|x-goog-signature|signature|sig|token|access_token|password)=",
    re.I,
)


def carries_credentials(url: str) -> bool:
    """Whether a URL holds a password, a token in the place of a user, or the signature of a link for one use."""
    protocol, _, rest = url.partition("://")
    first, _, _ = rest.partition("/")
    # secret keys of S3 have slashes in them, so that the @ may come late; digits after the colon are a port
    _, colon, secret = first.partition(":")
    has_password = bool(colon) and "@" in rest and not secret.isdigit()
    has_token = protocol in {"http", "https"} and "@" in first
    return has_password or has_token or _SIGNATURE.search(rest) is not None


def refuse_credentials(url: str) -> None:
    """Raise StorageError if a URL carries credentials, and leave them out of the message."""
    if carries_credentials(url):
        protocol, _, rest = url.partition("://")
        place = rest.rpartition("@")[2].partition("?")[0]
        raise StorageError(
            f"{protocol}://...{place} carries a password, a token or a signature, and URLs are written into "
            "records and logs: leave it out, and give it where the file system looks for it (for S3 the AWS variables "
            "and files), or fetch the file first"
        )


def refuse_credentials_in_endpoint(endpoint: str) -> None:
    """Raise StorageError if the URL of an S3 server carries credentials. It has no user, so any @ is refused."""
    if "@" in endpoint or carries_credentials(endpoint):
        raise StorageError(
            "the S3 endpoint carries credentials, which end up in records and logs: give http://HOST:PORT alone, and "
            "them in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )

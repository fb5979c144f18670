"""What went wrong in storage, in words; looked up by name, so that no S3 library is loaded for it."""

from __future__ import annotations

import asyncio
from typing import Any

_OF_CODE = {
    "NoSuchBucket": "there is no such bucket; check the name, or create it",
    "NoSuchKey": "there is no such file",
    "404": "there is no such file or bucket",
    "InvalidAccessKeyId": "the server does not know this access key; check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key is wrong; check AWS_SECRET_ACCESS_KEY",
    "AccessDenied": "access is denied; check the credentials and the bucket's policy",
    "403": "access is denied; check the credentials and the bucket's policy",
    "ExpiredToken": "the session token has expired; get a new one",
}
_OF_TYPE = {
    "NoCredentialsError": "no S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "PartialCredentialsError": "half of the S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "ProfileNotFound": "the AWS profile does not exist; check AWS_PROFILE",
    "EndpointConnectionError": "the S3 server does not answer; check the endpoint and the network",
    "ConnectTimeoutError": "the S3 server does not answer; check the endpoint and the network",
    "ReadTimeoutError": "the S3 server stopped answering",
    "ParamValidationError": "the bucket or key name is not one that S3 allows",
}
_LIBRARIES = ("botocore", "aiobotocore", "aiohttp", "s3fs", "fsspec", "urllib3")


def explain(error: BaseException) -> str | None:
    """Return one line for an error of the file system or of an S3 library, None for any other."""
    for link in _chain(error):
        by_name = _OF_CODE.get(_code(link)) or _OF_TYPE.get(type(link).__name__)
        if by_name is not None:
            return by_name
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, ImportError) or (
        isinstance(error, ValueError) and "rotocol not known" in str(error)
    ):
        return f"fsspec cannot open this kind of URL ({_first_line(error)})"
    if (
        isinstance(error, OSError | asyncio.TimeoutError)
        or type(error).__module__.split(".")[0] in _LIBRARIES
    ):
        return _first_line(error)
    return None


def is_missing(error: FileNotFoundError) -> bool:
    """Tell a file that is not there from a bucket that is not there; s3fs raises the same type for both."""
    return not any(_code(link) == "NoSuchBucket" for link in _chain(error))


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def _code(error: BaseException) -> str:
    response: Any = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _first_line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0]

"""What went wrong in storage, in words; looked up by name, so that no S3 library is loaded for it."""

from __future__ import annotations

import errno
import re
from typing import Any

from infra.errors import UnusableStorageError

_OF_CODE = {
    "NoSuchBucket": "there is no such bucket; check the name, or create it",
    "NoSuchKey": "there is no such file",
    "404": "there is no such file or bucket",
    "InvalidAccessKeyId": "the server does not know this access key; check AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key is wrong; check AWS_SECRET_ACCESS_KEY",
    "AccessDenied": "access is denied; check the credentials and the bucket's policy",
    "403": "access is denied; check the credentials and the bucket's policy",
    "ExpiredToken": "the session token has expired; get a new one",
    "InvalidToken": "the session token is not valid; check AWS_SESSION_TOKEN",
    "RequestTimeTooSkewed": "the clock of this machine is wrong; set it",
    # S3 answers a HEAD without saying why
    "400": "the server refuses the request without a reason; check region (--storage-region), endpoint and credentials",
}
_WRONG_REGION = {
    *(
        "AuthorizationHeaderMalformed",
        "PermanentRedirect",
        "TemporaryRedirect",
        "IllegalLocationConstraintException",
    ),
    *("InvalidRegion", "301", "307"),
}
_NAMED_REGION = re.compile(r"expecting '([a-z0-9-]+)'")
_CHECKSUMS = re.compile(r"checksum|x-amz-trailer|aws-chunked|x-amz-content-sha256|trailer", re.IGNORECASE)
_REFUSED = {400, 403, 405, 411, 501}
_CHECKSUM_REMEDY = (
    "it does not take the checksums of newer S3 clients; set AWS_REQUEST_CHECKSUM_CALCULATION=when_required and "
    "AWS_RESPONSE_CHECKSUM_VALIDATION=when_required"
)
_OF_TYPE = {
    "NoCredentialsError": "no S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "PartialCredentialsError": "half of the S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "ProfileNotFound": "the AWS profile does not exist; check AWS_PROFILE",
    "EndpointConnectionError": "the S3 server does not answer; check the endpoint and the network",
    "ConnectTimeoutError": "the S3 server does not answer; check the endpoint and the network",
    "ReadTimeoutError": "the S3 server stopped answering",
    "FileExistsError": "a file is where a folder has to be",
    "NotADirectoryError": "a file is where a folder has to be",
    "NotImplementedError": "fsspec has no way to do that at this kind of URL",
    "ParamValidationError": "the bucket or key name is not one that S3 allows",
}
_OF_NUMBER = {
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "the disk quota is used up; make room",
    errno.EROFS: "the file system is read-only",
}
_UNUSABLE_CODES = {
    "NoSuchBucket",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "400",
    *_WRONG_REGION,
}
_WITHOUT_TEXT = {"400", "301", "307", "403"}  # of an answer to HEAD, which has no body
_UNUSABLE_TYPES = {"RecursionError", "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}
_LIBRARIES = ("botocore", "aiobotocore", "aiohttp", "s3fs", "fsspec", "urllib3")


def explain(error: BaseException) -> str | None:
    """Return one line for an error of the file system or of an S3 library, None for any other."""
    for link in _chain(error):
        known = _of_answer(link) or _OF_TYPE.get(type(link).__name__) or _OF_NUMBER.get(_number(link))
        if known is not None:
            return known
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, ImportError) or (
        isinstance(error, ValueError) and "rotocol not known" in str(error)
    ):
        return f"fsspec cannot open this kind of URL ({_first_line(error)})"
    if isinstance(error, OSError) or type(error).__module__.split(".")[0] in _LIBRARIES:
        return _first_line(error)
    return None


def is_unusable(error: BaseException) -> bool:
    """Whether the next file would meet the same error: a full disk, a bucket that is gone, credentials not accepted."""
    return isinstance(error, UnusableStorageError) or any(
        _code(link) in _UNUSABLE_CODES
        or type(link).__name__ in _UNUSABLE_TYPES
        or _number(link) in _OF_NUMBER
        for link in _chain(error)
    )


def is_unexplained(error: BaseException) -> bool:
    """Whether a server has refused a request and has given no reason, since its answer had no body."""
    return any(_code(link) in _WITHOUT_TEXT for link in _chain(error))


def is_missing(error: FileNotFoundError) -> bool:
    """Tell a file that is not there from a bucket that is not there; s3fs raises the same type for both."""
    return not any(_code(link) == "NoSuchBucket" for link in _chain(error))


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def _of_answer(error: BaseException) -> str | None:
    """What a server's answer means; None if it is none, or one that nobody here knows."""
    if isinstance(error, RecursionError):  # botocore follows a redirect that names no region in a circle
        return _other_region()
    number, response = _code(error), _response(error)
    message = str(response.get("Error", {}).get("Message", ""))
    metadata = response.get("ResponseMetadata", {})
    if number in _WRONG_REGION:
        named = _NAMED_REGION.search(message)
        region = named[1] if named else metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region")
        return _other_region(f" {region}" if region else "")
    if metadata.get("HTTPStatusCode") in _REFUSED and _CHECKSUMS.search(message):
        return f"{message.splitlines()[0].rstrip('.')}: {_CHECKSUM_REMEDY}"
    return _OF_CODE.get(number)


def _other_region(which: str = "") -> str:
    return (
        f"the bucket is of another region{which} than the one asked for; give that as --storage-region or AWS_REGION, "
        "and check the endpoint (--storage-endpoint, AWS_ENDPOINT_URL)"
    )


def _response(error: BaseException) -> dict[str, Any]:
    """The answer of a server in an error of botocore; empty in any other."""
    response: Any = getattr(error, "response", None)
    return response if isinstance(response, dict) else {}


def _code(error: BaseException) -> str:
    return str(_response(error).get("Error", {}).get("Code", ""))


def _number(error: BaseException) -> int:
    return (error.errno or 0) if isinstance(error, OSError) else 0


def _first_line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0]

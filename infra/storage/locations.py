"""Paths and URLs as people type them: `~` is their home folder, and a URL that lost a slash is no folder."""

from __future__ import annotations

import re
from pathlib import Path

from infra.errors import StorageError
from infra.storage.credentials import refuse_credentials

_KNOWN = (
    "s3|s3a|s3n|gs|gcs|az|abfs|abfss|adl|wasb|wasbs|hdfs|webhdfs|http|https|ftp|ftps|sftp|ssh|smb|hf|oci|oss|r2|b2|"
    "file|memory|github|git|webdav|gdrive|dropbox|run"
)
# pathlib makes s3:/bucket of s3://bucket, and /folder/s3:/bucket of that once it is made absolute
_IN_PATH = re.compile(rf"(?:^|/)(?P<scheme>{_KNOWN}):/(?P<rest>.*)", re.IGNORECASE)
_NO_SLASH = re.compile(rf"(?P<scheme>{_KNOWN}):(?![\d.]*$)(?P<rest>.*)", re.IGNORECASE)  # but DATASET:SHARE
_OTHER_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):/(?P<rest>.*)", re.IGNORECASE)
_RELATIVE_FILE = re.compile(r"file://(?!/)(?P<path>.*)", re.IGNORECASE)
_EMPTY = re.compile(r"(?P<scheme>s3|s3a|gs|gcs|https?)://(?:/|$)", re.IGNORECASE)


def expand_home(location: str) -> str:
    """Put the home folder in place of a `~` or `~user` at the beginning; anything else stays as it is.

    Raises:
        StorageError: there is no such user.

    """
    prefix = "file://" if location.startswith("file://~") else ""
    path = location.removeprefix(prefix)
    if not path.startswith("~"):
        return location
    first, slash, rest = path.partition("/")
    try:
        home = str(Path(first).expanduser())
    except RuntimeError:
        raise StorageError(
            f"{location}: {first!r} stands for no home folder that is known here: write the path whole, or ./{path} if "
            "a folder is called that"
        ) from None
    return f"{prefix}{home}{slash}{rest}"


def is_known_scheme(word: str) -> bool:
    """Whether what stands before a colon is the beginning of a URL, as in `s3:` and `file:`."""
    return re.fullmatch(_KNOWN, word, re.IGNORECASE) is not None


def refuse_broken_url(location: str) -> None:
    """Refuse what was to be a URL and is none: a local folder would be made of it.

    Raises:
        StorageError: it lacks a slash after its scheme, names no bucket or host, or is a relative path behind file://;
            or it lacks a slash and carries credentials.

    """
    empty = _EMPTY.match(location)
    if empty is not None:
        raise StorageError(
            f"{location} names nothing after its slashes: write {empty['scheme'].lower()}://NAME/PATH, with two slashes"
        )
    relative = _RELATIVE_FILE.match(location)
    if relative is not None:
        raise StorageError(
            f"{location} names a host and no folder, by the rules of file URLs: write file:///{relative['path']} for "
            f"the path /{relative['path']}, or {relative['path'] or '.'} alone for one below this folder"
        )
    if "://" in location:
        return
    found = _IN_PATH.search(location) or _NO_SLASH.match(location) or _OTHER_SCHEME.match(location)
    if found is None:
        return
    url = f"{found['scheme'].lower()}://{found['rest']}"
    refuse_credentials(url)  # which the messages below would show
    if found.start("scheme") > 0:
        raise StorageError(
            f"{location} holds a URL that was taken for a path: write {url} alone, as text and not as pathlib.Path"
        )
    or_folder = f"; for a folder of that name ./{location}" if found.re is _OTHER_SCHEME else ""
    raise StorageError(
        f"{location} is no URL, which has two slashes after its colon: write {url}{or_folder} (pathlib.Path drops a "
        "slash: pass URLs as text)"
    )

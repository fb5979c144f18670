"""Files behind URLs: local paths, `s3://`, and whatever else fsspec opens.

Writes are whole or not there at all: bytes are put together first and stored in one step, since a stream
that is left by an exception publishes what it holds. Listings are never cached: other workers write too.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

from infra.errors import StorageError, UnusableStorageError
from infra.storage import local_files, s3
from infra.storage.credentials import refuse_credentials
from infra.storage.locations import refuse_broken_url
from infra.storage.options import StorageOptions
from infra.storage.storage_errors import explain, is_missing, is_unexplained, is_unusable

Urls: TypeAlias = list[str]  # inside the class the name `list` is the method
READ_BLOCK = (
    8 * 2**20
)  # bytes asked of a server at a time: less is slower, see the measurements of pyarrow and s3fs
_RANGE_BUFFER = 2**16  # a Parquet footer comes in one request


@dataclass(frozen=True)
class FileInfo:
    """A file of a listing; `size` in bytes.

    `version` changes when the file is written again: the ETag on S3, elsewhere the time of the last change.
    """

    url: str
    size: int
    version: str


class Storage:
    """Reads and writes URLs. Clients are built on first use; a pickle carries the options alone.

    `endpoint_is_known`: somebody has been answered at the endpoint before. A server that does not answer now is then
    one that restarts, and waited for as long as the clients' retries last; else a wrong endpoint shows within seconds.
    """

    def __init__(self, options: StorageOptions = StorageOptions(), endpoint_is_known: bool = False) -> None:
        self.options = options
        self._endpoint_is_known = endpoint_is_known
        self._lock = threading.Lock()
        self._filesystems: dict[str, Any] = {}
        self._s3_client: Any = None

    def __reduce__(self) -> tuple[type[Storage], tuple[StorageOptions, bool]]:
        return type(self), (self.options, self._endpoint_is_known)

    def read_bytes(self, url: str) -> bytes:
        """Read a whole file."""
        with self._translated("read", url):
            if _is_local(url):
                return _local(url).read_bytes()
            filesystem, path = self._remote(url)
            return cast(bytes, filesystem.cat_file(path))

    def open_read(self, url: str) -> BinaryIO:
        """Open a file as a stream that can seek; it holds a few `READ_BLOCK`s whatever the file's size."""
        with self._translated("read", url):
            if _is_local(url):
                return _local(url).open("rb")
            filesystem, path = self._remote(url)
            stream = filesystem.open(path, "rb", block_size=READ_BLOCK, cache_type="readahead")
        return io.BufferedReader(_TranslatingStream(stream, partial(self._translated, "read", url)), 2**20)

    def open_ranges(self, url: str) -> BinaryIO:
        """Open a file of which a few pieces are wanted: every read asks for its own bytes and no others."""
        with self._translated("read", url):
            if _is_local(url):
                return _local(url).open("rb")
            filesystem, path = self._remote(url)
            stream = filesystem.open(path, "rb", cache_type="none")
        return io.BufferedReader(
            _TranslatingStream(stream, partial(self._translated, "read", url)), _RANGE_BUFFER
        )

    def size(self, url: str) -> int:
        """Return the size of a file in bytes."""
        return self.info(url).size

    def info(self, url: str) -> FileInfo:
        """Return size and version of a file."""
        with self._translated("read", url):
            if _is_local(url):
                status = _local(url).stat()
                return FileInfo(url, status.st_size, str(status.st_mtime_ns))
            filesystem, path = self._remote(url)
            entry = filesystem.info(path)
            return FileInfo(url, int(entry["size"] or 0), _version(entry))

    def exists(self, url: str) -> bool:
        """Tell whether there is a file (not a folder) at the URL."""
        return self._type(url) == "file"

    def is_dir(self, url: str) -> bool:
        """Tell whether there is a folder at the URL; on S3: whether any key starts with it and a slash."""
        return self._type(url) == "directory"

    def write_bytes(self, url: str, data: bytes) -> None:
        """Store a file in one step, over whatever was there."""
        with self._translated("write", url):
            if _is_local(url):
                local_files.replace_with_bytes(_local(url), data)
                return
            filesystem, path = self._remote(url)
            filesystem.pipe_file(path, data)

    def write_file(self, url: str, source: Path) -> None:
        """Store a local file in one step, over whatever was there; memory does not grow with its size."""
        with self._translated("write", url):
            if _is_local(url):
                local_files.replace_with_copy(_local(url), source)
                return
            filesystem, path = self._remote(url)
            # fsspec completes a multipart upload only when every part is there
            filesystem.put_file(str(source), path)

    def create_bytes(self, url: str, data: bytes) -> bool:
        """Store a file only if there is none, atomically among all writers; returns False if there is one.

        On S3 a put that is sent again after a lost answer meets its own first success and returns False: read
        what is there and compare. Some storages do not honour the condition (S3 look-alikes, other protocols,
        disks without hard links): there the file is written over what it was, and `create_probe` tells.
        """
        with self._translated("write", url):
            if _is_local(url):
                return local_files.create_exclusively(_local(url), data)
            if url.startswith("s3://"):
                return self._create_on_s3(url, data)
            filesystem, path = self._remote(url)
            try:
                filesystem.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
            return True

    def delete(self, url: str) -> None:
        """Delete a file; it is no error if there is none."""
        with self._translated("delete", url), suppress(FileNotFoundError):
            if _is_local(url):
                _local(url).unlink()
                return
            filesystem, path = self._remote(url)
            filesystem.rm_file(path)

    def list(self, url: str) -> Urls:
        """Return the URLs of the files directly in a folder, sorted; none if there is no such folder."""
        return [info.url for info in self._files(url, recursive=False)]

    def walk(self, url: str) -> Iterator[str]:
        """Yield the URLs of all files under a folder, sorted; none if there is no such folder."""
        for info in self.walk_info(url):
            yield info.url

    def walk_info(self, url: str) -> Sequence[FileInfo]:
        """Return all files under a folder with their sizes, sorted by URL."""
        return self._files(url, recursive=True)

    def _files(self, url: str, recursive: bool) -> Sequence[FileInfo]:
        with self._translated("list", url):
            if _is_local(url):
                found: Sequence[tuple[str, int, str]] = list(local_files.files_below(_local(url), recursive))
            else:
                found = self._remote_files(url, recursive)
        infos = [FileInfo(join(url, relative), size, version) for relative, size, version in found]
        return sorted(infos, key=lambda info: info.url)

    def _remote_files(self, url: str, recursive: bool) -> Sequence[tuple[str, int, str]]:
        filesystem, path = self._remote(url)
        root = path.rstrip("/")
        try:
            if recursive:
                entries = list(filesystem.find(root, detail=True).values())
            else:
                entries = filesystem.ls(root, detail=True)
        except FileNotFoundError as error:
            if is_missing(error):
                return []
            raise
        if not entries and url.startswith("s3://"):
            filesystem.info(root.split("/")[0])  # `find` says nothing of a bucket that does not exist
        return [
            (entry["name"][len(root) + 1 :], int(entry["size"] or 0), _version(entry))
            for entry in entries
            # S3 folders made in a console are empty objects whose names end in a slash
            if entry["type"] == "file"
            and entry["name"].startswith(root + "/")
            and not entry["name"].endswith("/")
        ]

    def _type(self, url: str) -> str | None:
        with self._translated("read", url):
            if _is_local(url):
                path = _local(url)
                return "directory" if path.is_dir() else "file" if path.exists() else None
            filesystem, remote = self._remote(url)
            try:
                return cast(str, filesystem.info(remote.rstrip("/"))["type"])
            except FileNotFoundError as error:
                if is_missing(error):
                    return None
                raise

    @contextmanager
    def _translated(self, action: str, url: str) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except Exception as error:
            told: Exception = error
            if url.startswith("s3://") and is_unexplained(error):
                with suppress(StorageError):
                    told = s3.reason_of_refusal(self._client(url), url, error)
            reason = explain(told)
            if reason is None:
                raise
            kind = UnusableStorageError if is_unusable(told) else StorageError
            raise kind(f"cannot {action} {url}: {reason}") from error

    def _remote(self, url: str) -> tuple[Any, str]:
        protocol = url.split("://", 1)[0]
        refuse_credentials(url)
        with self._lock:
            if protocol not in self._filesystems:
                self._filesystems[protocol] = self._open_filesystem(protocol, url)
            filesystem = self._filesystems[protocol]
        return filesystem, cast(str, filesystem._strip_protocol(url))

    def _open_filesystem(self, protocol: str, url: str) -> Any:
        if protocol == "s3":
            self._check_endpoint(url)
            return s3.open_filesystem(self.options.endpoint, self.options.region)
        import fsspec

        return fsspec.filesystem(protocol)

    def _create_on_s3(self, url: str, data: bytes) -> bool:
        return s3.create(self._client(url), url, data)

    def _client(self, url: str) -> Any:
        with self._lock:
            if self._s3_client is None:
                self._check_endpoint(url)
                self._s3_client = s3.open_client(self.options.endpoint, self.options.region)
            return self._s3_client

    def _check_endpoint(self, url: str) -> None:
        if not self._endpoint_is_known:
            s3.check_endpoint(self.options.endpoint, url.removeprefix("s3://").partition("/")[0])


def join(url: str, *parts: str) -> str:
    """Put path components after a URL with single slashes."""
    return "/".join([url.rstrip("/") if url != "/" else "", *(part.strip("/") for part in parts)])


def basename(url: str) -> str:
    """Return what follows the last slash."""
    return url.rstrip("/").rsplit("/", 1)[-1]


def relative_to(url: str, folder: str) -> str:
    """Return the path of a file below a folder it was listed in."""
    return url.removeprefix(folder.rstrip("/") + "/")


class _TranslatingStream(io.RawIOBase):
    """A remote file whose errors name the URL."""

    def __init__(self, stream: Any, translated: Callable[[], AbstractContextManager[None]]) -> None:
        self._stream = stream
        self._translated = translated

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._translated():
            data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        return int(self._stream.tell())

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def _version(entry: dict[str, Any]) -> str:
    return str(
        entry.get("ETag") or entry.get("etag") or entry.get("mtime") or entry.get("created") or ""
    ).strip('"')


def _is_local(url: str) -> bool:
    refuse_broken_url(url)
    return "://" not in url or url.startswith("file://")


def _local(url: str) -> Path:
    return Path(url.removeprefix("file://"))

"""The files of a click log: which they are, and of which format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from infra.click_logs.formats import FORMATS
from infra.click_logs.log_format import HEAD_SIZE, LogFormat
from infra.click_logs.options import ClickLogOptions
from infra.errors import ClickLogError, missing_click_log
from infra.shards.file_names import is_hidden
from infra.storage.files import Storage, relative_to

_NUM_SHOWN = 3


@dataclass(frozen=True)
class LogFiles:
    """The files of a click log, all of one format; `left_out` lie beside them, unread."""

    url: str
    format: LogFormat
    files: Sequence[str]
    left_out: Sequence[str] = ()

    def notices(self) -> Iterator[str]:
        """Yield what to tell a person."""
        if self.left_out:
            more = ", ..." if len(self.left_out) > _NUM_SHOWN else ""
            yield (
                f"click log {self.url}: {len(self.left_out):,} other files are not read "
                f"({', '.join(self.left_out[:_NUM_SHOWN])}{more}): files of format {self.format.name} end in "
                f"{', '.join(self.format.suffixes)}, and no folder in the folder is looked into"
            )


def find_log_files(storage: Storage, url: str, options: ClickLogOptions) -> LogFiles:
    """Find the files of the click log at `url`, which is no run, and their format.

    Raises:
        ClickLogError: there is nothing, no file of a known format, or files of several formats.

    """
    is_file = storage.exists(url)
    if not is_file and not storage.is_dir(url):
        raise missing_click_log(url)
    if is_file and options.format != "auto":
        return LogFiles(url, FORMATS[options.format], [url])
    asked = list(FORMATS.values()) if options.format == "auto" else [FORMATS[options.format]]
    suffixes = tuple(dict.fromkeys(suffix for known in asked for suffix in known.suffixes))
    files = [file for file in ([url] if is_file else storage.list(url)) if file.lower().endswith(suffixes)]
    if not files:
        raise ClickLogError(
            f"{url} is no click log: it needs to be a file that ends in {', '.join(suffixes)}, a folder of such files, "
            "or the directory of a run"
        )
    found = [_format_of(storage, file, asked) for file in files]
    for file, of_file in zip(files, found, strict=True):
        if of_file is not found[0]:
            raise ClickLogError(
                f"{file} is of format {of_file.name}, and {files[0]} of format {found[0].name}: put them into folders "
                "of their own, or name the one that counts with --click-format"
            )
    # those of file systems and programs, such as .part-0.crc, are no one's clicks
    others = set() if is_file else {relative_to(file, url) for file in storage.walk(url) if file not in files}
    left_out = sorted(name for name in others if not is_hidden(PurePosixPath(name)))
    return LogFiles(url, found[0], files, left_out)


def _format_of(storage: Storage, url: str, asked: Sequence[LogFormat]) -> LogFormat:
    """Return the format of a file by its ending, and by its beginning if several formats have that ending."""
    candidates = [known for known in asked if url.lower().endswith(known.suffixes)]
    if len(candidates) == 1:
        return candidates[0]
    with storage.open_read(url) as stream:
        head = stream.read(HEAD_SIZE)
    return next(known for known in candidates if known.recognises(head))

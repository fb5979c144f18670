"""Names of files that a command writes: an argument that went missing must not make it write over something else."""

from __future__ import annotations

from pipelines.errors import OptionError

_PAGE = (".html", ".htm")
_PICTURE = (".png",)


def check_page_name(out: str) -> None:
    """Raise OptionError unless `out` ends as the name of an HTML page does."""
    _check(out, "page", _PAGE)


def check_picture_name(out: str) -> None:
    """Raise OptionError unless `out` ends as the name of a PNG does."""
    _check(out, "picture", _PICTURE)


def _check(out: str, what: str, extensions: tuple[str, ...]) -> None:
    if not out.lower().endswith(extensions):
        raise OptionError(
            f"{out}: the name of a {what} ends in {' or '.join(extensions)}; give a file, such as {what}{extensions[0]}"
        )

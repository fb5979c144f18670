"""`run.json`, `training.json`, `flywheel.json`: what a run was asked to do.

It is created once; who comes later must ask for the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from infra.errors import RunDirectoryError
from infra.json_text import JsonValue, parse_json
from infra.storage.create_once import create_or_read
from infra.storage.files import Storage, join

RUN_FILE = "run.json"
TRAINING_FILE = "training.json"
FLYWHEEL_FILE = "flywheel.json"
START_FILE = "start.safetensors"
"""A training run's own copy of the model file that it began from."""
FORMAT = 1
"""The format of the three files. A file of another format is refused."""
_COMMANDS = {
    RUN_FILE: "`mfp label` or `mfp evaluate`",
    TRAINING_FILE: "`mfp train`",
    FLYWHEEL_FILE: "`mfp flywheel`",
}
_LONGEST_VALUE = 80


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked to do: the document that its directory keeps, and what of it may change later.

    Attributes:
        file: RUN_FILE, TRAINING_FILE or FLYWHEEL_FILE.
        document: a JSON object; the file has FORMAT beside it.
        open_fields: dotted names that are recorded and never compared, each with everything below it.
        by_content: those of them whose content is compared by another field. A refusal tells of them too, because they
            are why the content differs.
    """

    file: str
    document: Mapping[str, JsonValue]
    open_fields: Collection[str]
    by_content: Collection[str] = ()

    def begin(self, storage: Storage, run_url: str) -> None:
        """Create the file, or check that the one that is there asks for the same.

        Raises:
            RunDirectoryError: the directory is that of another kind of run; or a field differs: every one with both
                values.
            StorageError: it cannot be read or written.

        """
        refuse_other_runs(storage, run_url, self.file)
        create_or_read(storage, join(run_url, self.file), self._json())
        self._compare(storage, run_url)

    def check(self, storage: Storage, run_url: str) -> None:
        """As `begin`, without creating the file: a run that cannot start leaves none behind."""
        refuse_other_runs(storage, run_url, self.file)
        if storage.exists(join(run_url, self.file)):
            self._compare(storage, run_url)

    def _compare(self, storage: Storage, run_url: str) -> None:
        stored = read_config(storage, run_url, self.file)
        found = list(differences(stored, json.loads(json.dumps(dict(self.document)))))
        if any(not _is_among(name, self.open_fields) for name, _, _ in found):
            differing = [
                f"{name.removeprefix('spec.')} is {_shown(there)} there and {_shown(here)} here"
                for name, there, here in found
                if not _is_among(name, self.open_fields) or _is_among(name, self.by_content)
            ]
            raise RunDirectoryError(
                f"{run_url} holds a run of another configuration: {'; '.join(differing)}: "
                "give the same options to go on with it, or another directory to start anew"
            )

    def _json(self) -> bytes:
        return json.dumps({"format": FORMAT} | dict(self.document), indent=1, allow_nan=False).encode()


def refuse_other_runs(storage: Storage, run_url: str, file: str) -> None:
    """Refuse the directory of a run that another command has begun: both would write into it, and neither could go on.

    `file` is that of the run which is to begin. Raises RunDirectoryError.
    """
    for other, commands in _COMMANDS.items():
        if other != file and storage.exists(join(run_url, other)):
            raise RunDirectoryError(
                f"{run_url} is the directory of a run of {commands} (it holds {other}): give another directory as --out"
            )


def refuse_runs(storage: Storage, url: str) -> None:
    """Refuse the directory of a run as the folder of a data set; RunDirectoryError if one was begun there."""
    for file, commands in _COMMANDS.items():
        if storage.exists(join(url, file)):
            raise RunDirectoryError(
                f"{url} is the directory of a run of {commands} (it holds {file}): give the data set its own folder"
            )


def read_config(storage: Storage, run_url: str, file: str = RUN_FILE) -> dict[str, JsonValue]:
    """Return the content of `run.json`, or of `file`.

    Raises:
        RunDirectoryError: it is missing, no object, or of another format.

    """
    url = join(run_url, file)
    if not storage.exists(url):
        raise RunDirectoryError(_no_run(storage, run_url, file))
    try:
        config = parse_json(storage.read_bytes(url))
    except ValueError as error:
        raise RunDirectoryError(f"{url} is not JSON ({error}): delete it or give another directory") from None
    if not isinstance(config, dict):
        raise RunDirectoryError(f"{url} holds no JSON object: delete it or give another directory")
    return _content_of(config, url)


def _content_of(config: dict[str, JsonValue], url: str) -> dict[str, JsonValue]:
    """The document without its format. RunDirectoryError if that is another one."""
    if config.get("format") != FORMAT or type(config["format"]) is not int:
        found = f"is of format {_shown(config['format'])}" if "format" in config else "names no format"
        raise RunDirectoryError(
            f"{url} {found}, and this release reads {FORMAT}: use the release that began the run, or give another "
            "directory"
        )
    return {name: value for name, value in config.items() if name != "format"}


def _no_run(storage: Storage, run_url: str, file: str) -> str:
    remedy = f"give what {_COMMANDS[file]} had as --out"
    for other, commands in _COMMANDS.items():
        if storage.exists(join(run_url, other)):
            inside = (
                "; its own evaluations are evaluation/before and /after" if other == FLYWHEEL_FILE else ""
            )
            return f"{run_url} is a run of {commands}, which `mfp status` looks at: {remedy}{inside}"
    return f"{run_url} is no run directory: it has no {file}; {remedy}"


def _is_among(name: str, fields: Collection[str]) -> bool:
    """Whether a dotted name is one of the fields, or lies below one."""
    return any(f"{name}.".startswith(f"{field}.") for field in fields)


class _Absent:
    def __repr__(self) -> str:
        return "absent"


_ABSENT = _Absent()


def is_absent(value: JsonValue | _Absent) -> bool:
    """Whether a value of `differences` stands for a field that is not there."""
    return value is _ABSENT


def differences(
    there: JsonValue | _Absent, here: JsonValue | _Absent, name: str = ""
) -> Iterator[tuple[str, JsonValue | _Absent, JsonValue | _Absent]]:
    """Yield (dotted name, value there, value here) of what differs: objects field by field, lists whole."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted(there.keys() | here.keys()):
            dotted = f"{name}.{key}" if name else key
            yield from differences(there.get(key, _ABSENT), here.get(key, _ABSENT), dotted)
    elif there != here or isinstance(there, bool) != isinstance(here, bool):
        yield name, there, here


def _shown(value: JsonValue | _Absent) -> str:
    text = repr(value) if isinstance(value, _Absent) else json.dumps(value)
    if len(text) <= _LONGEST_VALUE:
        return text
    half = (_LONGEST_VALUE - 3) // 2  # of two long paths the ends differ
    return f"{text[:half]}...{text[-half:]}"

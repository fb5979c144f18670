"""`run.json`, `training.json`, `flywheel.json`: what a run was asked to do.

It is created once; who comes later must ask for the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from infra.errors import RunDirectoryError
from infra.json_text import parse_json
from infra.storage.create_once import create_or_read
from infra.storage.files import Storage, join

if TYPE_CHECKING:
    from infra.shards.sample import JsonValue

RUN_FILE = "run.json"
TRAINING_FILE = "training.json"
FLYWHEEL_FILE = "flywheel.json"
_COMMANDS = {
    RUN_FILE: "`mfp label` or `mfp evaluate`",
    TRAINING_FILE: "`mfp train`",
    FLYWHEEL_FILE: "`mfp flywheel`",
}
VOLATILE_FIELDS = frozenset({"versions", "created"})
_LONGEST_VALUE = 80


class _Unknown:
    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = _Unknown()
"""Stands for what an earlier version did where nobody can say it any more: the field is not compared."""

Earlier: TypeAlias = "Mapping[str, JsonValue | _Unknown]"
"""Dotted names of fields that were added later, and what was done before there was such a field."""

NO_FIELDS: Earlier = MappingProxyType({})


def create_or_compare(
    storage: Storage,
    run_url: str,
    config: Mapping[str, JsonValue],
    volatile: Collection[str] = VOLATILE_FIELDS,
    file: str = RUN_FILE,
    earlier: Earlier = NO_FIELDS,
) -> None:
    """Create `run.json` (or `file`) with `config`, or check that the one that is there asks for the same.

    Top-level fields in `volatile` are recorded by whoever comes first and never compared. A field of `earlier` that the
    file lacks counts as what is said there.

    Raises:
        RunDirectoryError: the directory is that of another kind of run; or a field differs: every one with both values.
        StorageError: it cannot be read or written.

    """
    refuse_other_runs(storage, run_url, file)
    create_or_read(storage, join(run_url, file), _json_bytes(config))
    _compare(storage, run_url, config, volatile, file, earlier)


def compare_if_begun(
    storage: Storage,
    run_url: str,
    config: Mapping[str, JsonValue],
    volatile: Collection[str] = VOLATILE_FIELDS,
    file: str = RUN_FILE,
    earlier: Earlier = NO_FIELDS,
) -> None:
    """Check what `create_or_compare` does without creating the file: a run that cannot start leaves none behind."""
    refuse_other_runs(storage, run_url, file)
    if storage.exists(join(run_url, file)):
        _compare(storage, run_url, config, volatile, file, earlier)


def _compare(
    storage: Storage,
    run_url: str,
    config: Mapping[str, JsonValue],
    volatile: Collection[str],
    file: str,
    earlier: Earlier,
) -> None:
    stored = read_config(storage, run_url, file)
    wanted = json.loads(_json_bytes(config))
    differing = [
        f"{name} is {_shown(there)} there and {_shown(here)} here"
        for name, there, here in _differences_since(earlier, stored, wanted)
        if name.partition(".")[0] not in volatile
    ]
    if differing:
        raise RunDirectoryError(
            f"{run_url} holds a run of another configuration: {'; '.join(differing)}: "
            "give the same options to go on with it, or another directory to start anew"
        )


def _json_bytes(config: Mapping[str, JsonValue]) -> bytes:
    return json.dumps(dict(config), indent=1, allow_nan=False).encode()


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
    """Return the content of `run.json`, or of `file`. RunDirectoryError if it is missing or no object."""
    url = join(run_url, file)
    if not storage.exists(url):
        raise RunDirectoryError(_no_run(storage, run_url, file))
    try:
        config = parse_json(storage.read_bytes(url))
    except ValueError as error:
        raise RunDirectoryError(f"{url} is not JSON ({error}): delete it or give another directory") from None
    if not isinstance(config, dict):
        raise RunDirectoryError(f"{url} holds no JSON object: delete it or give another directory")
    return config


def num_shards_of(config: Mapping[str, JsonValue]) -> int | None:
    """Return how many shards the `run.json` of a labelling run says it is to do; None if it does not say."""
    dataset = config.get("dataset")
    number = dataset.get("num_shards") if isinstance(dataset, dict) else None
    return number if isinstance(number, int) else None


def _no_run(storage: Storage, run_url: str, file: str) -> str:
    remedy = f"give what {_COMMANDS[file]} had as --out"
    for other, commands in _COMMANDS.items():
        if storage.exists(join(run_url, other)):
            inside = (
                "; its own evaluations are evaluation/before and /after" if other == FLYWHEEL_FILE else ""
            )
            return f"{run_url} is a run of {commands}, which `mfp status` looks at: {remedy}{inside}"
    return f"{run_url} is no run directory: it has no {file}; {remedy}"


class _Absent:
    def __repr__(self) -> str:
        return "absent"


_ABSENT = _Absent()


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


def _differences_since(
    earlier: Earlier, there: JsonValue, here: JsonValue
) -> Iterator[tuple[str, JsonValue | _Absent, JsonValue | _Absent]]:
    """`differences`, where a field that is absent there may have had a value all the same."""
    for name, stored, wanted in differences(there, here):
        if not isinstance(stored, _Absent) or name not in earlier:
            yield name, stored, wanted
            continue
        value = earlier[name]
        if not isinstance(value, _Unknown):
            yield from differences(value, wanted, name)


def _shown(value: JsonValue | _Absent) -> str:
    text = repr(value) if isinstance(value, _Absent) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."

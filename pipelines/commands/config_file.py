"""Settings from a TOML file: sections as tables, each value held against its setting."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actors.specs.leaves import Leaf
from pipelines.commands.option_values import parser_of
from pipelines.errors import OptionError
from pipelines.inputs.did_you_mean import did_you_mean


def read_config_file(path: Path, leaves: Sequence[Leaf]) -> list[tuple[Leaf, Any]]:
    """The settings in a file, with their values.

    Raises:
        OptionError: the file cannot be read, or holds what is no setting, or a value that a setting cannot have.

    """
    from infra.strict_json import from_json  # with the codec

    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise OptionError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # of TOML, of JSON and of text
        raise OptionError(f"{path} is no {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from None
    if not isinstance(document, dict):
        raise OptionError(f"{path} holds no JSON object: give settings by their names")
    by_name = {leaf.name: leaf for leaf in leaves}
    found = []
    for name, value in _flat(document, by_name):
        if _is_section(name, by_name):
            raise OptionError(f"{path}: {name} is a section: write [{name}], and its settings below it")
        if name not in by_name:
            raise OptionError(f"{path}: {name} is no setting of this command{did_you_mean(name, by_name)}")
        if by_name[name].is_spoken:
            raise OptionError(
                f"{path}: {name} is not for a file, which may come from somebody else: give it on the command line"
            )
        try:
            found.append((by_name[name], from_json(by_name[name].annotation, value)))
        except ValueError as error:
            raise OptionError(f"{path}: {name} {error}") from None
        except TypeError:  # TOML has values that JSON has not
            raise OptionError(f"{path}: {name} = {value}: no setting is a date or a time") from None
    return found


def _flat(
    document: Mapping[str, Any], known: Mapping[str, Leaf], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and name not in known:
            is_open = bool(value) or _is_section(name, known)  # a section may be empty
            yield from _flat(value, known, f"{name}.") if is_open else [(name, value)]
        else:
            yield name, value


def _is_section(name: str, known: Mapping[str, Leaf]) -> bool:
    return any(setting.startswith(f"{name}.") for setting in known)


def carried_settings(path: Path, leaves: Sequence[Leaf]) -> bytes:
    """The settings in a file for a job elsewhere, as JSON: `~` is the home folder of who gives it.

    Raises:
        OptionError: as `read_config_file`.

    """
    values = {leaf.name: _parsed(value, parser_of(leaf)) for leaf, value in read_config_file(path, leaves)}
    return json.dumps(values, indent=1).encode()


def _parsed(value: Any, parser: Callable[[str], str] | None) -> Any:
    if isinstance(value, tuple):
        return [_parsed(one, parser) for one in value]
    return parser(value) if parser is not None and isinstance(value, str) else value

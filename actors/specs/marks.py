"""Marks of a setting beside its effect: how it is called on the command line, and whether it names a place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MAIN_PANEL: Final = "Options"


@dataclass(frozen=True)
class Option:
    """How the command line calls a setting, if `--its-name` does not fit.

    Attributes:
        flags: `--name`, or `--name/--no-name` of a yes or no; empty: as the field is called.
        metavar: what stands for the value in the help; empty: the setting's unit, or its words.
        panel: the panel of the help it stands in; empty: that of its section. MAIN_PANEL: that without a name.
        shown_default: what the help says if the setting is left out; empty: the default itself.
    """

    flags: str = ""
    metavar: str = ""
    panel: str = ""
    shown_default: str = ""


@dataclass(frozen=True)
class Argument:
    """A setting that has a place on the command line and no name."""

    metavar: str


@dataclass(frozen=True)
class Section:
    """How the command line shows the settings of a section.

    Attributes:
        panel: of the help.
        prefix: stands before their names.
        options: for settings of the section by name, if what the section itself says does not fit here.
        hidden: settings that have no option here; a configuration file and Python have them all.
    """

    panel: str = ""
    prefix: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()


class _Location:
    """See LOCATION."""


LOCATION: Final = _Location()
"""The setting is a path or URL, or holds one behind `logged:` or `run://`: `~` is the home folder of who gives it."""


class _Spoken:
    """See SPOKEN."""


SPOKEN: Final = _Spoken()
"""A person says it, on the command line or in Python: no configuration file does, and no record of a run keeps it."""

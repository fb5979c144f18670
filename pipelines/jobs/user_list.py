"""The simulated users and their options, as a list."""

from __future__ import annotations

import inspect
from dataclasses import asdict, dataclass

from rich.table import Table

from infra.json_text import JsonValue
from mfp.users.options import REQUIRED, UserOption, options_of, plain
from mfp.users.registry import KINDS


@dataclass(frozen=True)
class ListedOption:
    """An option of a simulated user; `default` is empty if it must be given."""

    name: str
    bounds: str
    unit: str
    default: str
    help: str


@dataclass(frozen=True)
class ListedUser:
    """A kind of simulated user: what it is called, what it does, and what it can be told."""

    name: str
    help: str
    is_random: bool
    options: tuple[ListedOption, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        return asdict(self)


def list_users() -> list[ListedUser]:
    """All kinds, the protocol's first."""
    return [
        ListedUser(
            name, _first_sentence(kind), kind.is_random, tuple(_option(option) for option in options_of(kind))
        )
        for name, kind in KINDS.items()
    ]


def render_users(users: list[ListedUser]) -> Table:
    """A table, one row per user and one per option below it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("simulated user", no_wrap=True)
    table.add_column("what it does, and its options", overflow="fold")
    for user in users:
        table.add_row(user.name, user.help)
        for option in user.options:
            default = f"; {option.default} if left out" if option.default else "; must be given"
            table.add_row(f"  {option.name}", f"{option.bounds}{default}. {option.help}")
    return table


def _first_sentence(kind: type) -> str:
    paragraph = inspect.cleandoc(kind.__doc__ or "").split("\n\n", maxsplit=1)[0]
    return " ".join(paragraph.split())


def _option(option: UserOption) -> ListedOption:
    default = "" if option.default is REQUIRED else plain(option.default)
    return ListedOption(option.name, option.bounds, option.unit, default, option.help)

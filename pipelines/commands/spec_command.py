"""A command whose options are the settings of a specification, with the names, helps, bounds and defaults it says."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from actors.errors import ActorsError
from actors.specs.leaves import REQUIRED, Leaf, build, leaves_of
from actors.specs.marks import MAIN_PANEL, Argument
from infra.errors import InfraError
from pipelines.commands import option_values
from pipelines.commands.deferred_command import deferred
from pipelines.errors import PipelineError

Values = Mapping[tuple[str, ...], Any]
_CONFIG = "config"


@dataclass(frozen=True)
class SpecCommand:
    """A command line that fills a specification.

    Attributes:
        spec: its dataclass.
        panel: of the list of commands.
        complete: adds the values that no option was given for and that have no default; what it leaves out is missing.
    """

    spec: type[Any]
    panel: str
    complete: Callable[[Values], Values] = lambda values: values

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The settings, those without an option included."""
        return leaves_of(self.spec)

    def add_to(self, app: typer.Typer, run: Callable[..., None]) -> None:
        """Register `run`, whose first parameter takes the specification, and whose others are options of their own.

        Its options are made when it is run or shown, because a process needs those of one command.
        """

        def named() -> None:
            pass

        named.__name__ = run.__name__.removesuffix("_")  # of a command whose word is one of Python's: import_
        own_class = deferred(functools.cache(lambda: self._read(run)))
        app.command(help=inspect.getdoc(run), rich_help_panel=self.panel, cls=own_class)(named)

    def _read(self, run: Callable[..., None]) -> TyperCommand:
        _, *own = inspect.signature(run, eval_str=True).parameters.values()

        @functools.wraps(run)
        def command(**values: Any) -> None:
            run(self.assemble(values), **{one.name: values[one.name] for one in own})

        shown = [leaf for leaf in self.leaves if not leaf.is_hidden]
        panels = list(
            dict.fromkeys([MAIN_PANEL, *(leaf.section.panel for leaf in shown), *map(_panel, shown)])
        )
        parameters = [_parameter(leaf) for leaf in sorted(shown, key=lambda leaf: panels.index(_panel(leaf)))]
        config = Annotated[
            Path | None,
            typer.Option(
                "--config",
                metavar="FILE.toml",
                is_eager=True,
                callback=self._take_config,
                help="Settings from a TOML file, by section; options go before them. See docs/settings.md.",
            ),
        ]
        parameters += [_keyword(one.name, one.annotation, one.default) for one in own]
        parameters.append(_keyword(_CONFIG, config, None))
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        alone = typer.Typer(add_completion=False)
        alone.command()(command)
        read = typer.main.get_command(alone)
        assert isinstance(read, TyperCommand), "an application of one command is that command"
        return read

    def assemble(self, params: Mapping[str, Any]) -> Any:
        """The specification that the parameters of the command describe, by their names.

        Raises:
            typer.BadParameter: values that do not go together.
            PipelineError, InfraError, MfpError: a recipe or model that they name is not to be found.

        """
        from actors.specs.checked import checked  # with the codec

        values = {
            leaf.path: _as_setting(params[_name(leaf)])
            for leaf in self.leaves
            if params.get(_name(leaf)) is not None
        }
        completed = self.complete(self._hidden(params.get(_CONFIG)) | values)
        try:
            return checked(self.spec, build(self.spec, completed))
        except (ValueError, InfraError, ActorsError) as error:
            raise typer.BadParameter(str(error)) from None

    def _hidden(self, config: Path | None) -> dict[tuple[str, ...], Any]:
        """The values of settings that have no option: those of a configuration file, else their defaults."""
        hidden = [leaf for leaf in self.leaves if leaf.is_hidden]
        values = {leaf.path: leaf.default for leaf in hidden if leaf.default is not REQUIRED}
        if config is not None:
            from pipelines.commands.config_file import read_config_file

            values |= {
                leaf.path: value for leaf, value in read_config_file(config, self.leaves) if leaf.is_hidden
            }
        return values

    def _take_config(self, context: typer.Context, path: Path | None) -> Path | None:
        """Make the values of a configuration file the defaults of the command."""
        if path is not None:
            from pipelines.commands.config_file import read_config_file

            try:
                values = read_config_file(path, self.leaves)
            except PipelineError as error:
                raise typer.BadParameter(str(error)) from None
            context.default_map = {
                **(context.default_map or {}),
                **{_name(leaf): value for leaf, value in values},
            }
        return path


def _name(leaf: Leaf) -> str:
    """The name of a setting among the parameters of its command."""
    return "__".join(leaf.path)


def shown_name(leaf: Leaf) -> str:
    """What a person calls a setting: its option, or what stands for it on the command line."""
    if isinstance(leaf.place, Argument):
        return leaf.place.metavar.partition("[")[0]
    return flags_of(leaf)[0].partition("/")[0]


def _as_setting(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _parameter(leaf: Leaf) -> inspect.Parameter:
    kind, said = _kind(leaf)
    if isinstance(leaf.place, Argument):
        argument = typer.Argument(metavar=leaf.place.metavar, help=leaf.help, show_default=False, **said)
        default = inspect.Parameter.empty if leaf.default is REQUIRED else leaf.default
        return _keyword(_name(leaf), Annotated[kind, argument], default)
    is_required = leaf.default is REQUIRED and not _is_completed(leaf)
    default = inspect.Parameter.empty if is_required else None if leaf.default is REQUIRED else leaf.default
    if isinstance(default, tuple):
        default = list(default)
    option = typer.Option(
        *flags_of(leaf),
        rich_help_panel=None if _panel(leaf) == MAIN_PANEL else _panel(leaf),
        help=leaf.help,
        show_default=_shown_default(leaf),
        autocompletion=option_values.COMPLETIONS.get(leaf.name),
        **said,
    )
    return _keyword(_name(leaf), Annotated[kind, option], default)


def _is_completed(leaf: Leaf) -> bool:
    """Whether a value that has no default comes from elsewhere: those of a recipe do."""
    return leaf.path[0] == "recipe"


def _shown_default(leaf: Leaf) -> str | bool:
    assert not isinstance(leaf.place, Argument), "arguments have no default"
    if leaf.place.shown_default:
        return leaf.place.shown_default
    return (
        "as the recipe says" if _is_completed(leaf) and leaf.default is REQUIRED else leaf.default is not None
    )


def flags_of(leaf: Leaf) -> tuple[str, ...]:
    """The option of a setting that is no argument, as Typer takes it: `--seed`, or `--flip/--no-flip`."""
    assert not isinstance(leaf.place, Argument), "arguments have no flags"
    if leaf.place.flags:
        return (leaf.place.flags,)
    flag = f"{leaf.section.prefix}{leaf.path[-1]}".replace("_", "-")
    if leaf.kind is bool and not leaf.is_spoken:
        return (f"--{flag}/--no-{flag}",)
    return (f"--{flag}",)


def _panel(leaf: Leaf) -> str:
    """The panel of the help; arguments have one of their own, which comes first."""
    if isinstance(leaf.place, Argument):
        return MAIN_PANEL
    return leaf.place.panel or leaf.section.panel or MAIN_PANEL


def _kind(leaf: Leaf) -> tuple[Any, dict[str, Any]]:
    """The type that Typer reads a setting as, and what it is told of how."""
    optional = _optional(leaf.kind)
    if leaf.kind is bool or typing.get_origin(optional) is Literal:
        return _or_nothing(optional, leaf), {}
    said: dict[str, Any] = {"metavar": _metavar(leaf)} if not isinstance(leaf.place, Argument) else {}
    parser = option_values.parser_of(leaf)
    if typing.get_origin(leaf.kind) is tuple and str in typing.get_args(leaf.kind):
        return list[str], said | ({} if parser is None else {"parser": parser})
    if typing.get_origin(leaf.kind) is tuple:
        numbers = functools.partial(option_values.numbers, kind=leaf.kind)
        return _or_nothing(Any, leaf), said | {"parser": numbers}
    number = option_values.number_type(leaf)
    if number is not None and _is_read_here(leaf):
        return _or_nothing(Any, leaf), said | {
            "parser": functools.partial(option_values.number_or_word, leaf=leaf)
        }
    if number is not None:
        return _or_nothing(number, leaf), said | {"min": leaf.lower, "max": leaf.upper}
    return _or_nothing(str, leaf), said | ({} if parser is None else {"parser": parser})


def _is_read_here(leaf: Leaf) -> bool:
    """Whether a number is one that Typer cannot read: it has words beside it, or a bound that it must not reach."""
    return bool(leaf.words) or leaf.is_above or leaf.is_below


def _optional(kind: Any) -> Any:
    """The type without the None that stands for "not given"."""
    kinds = [one for one in typing.get_args(kind) if one is not type(None)]
    return kinds[0] if type(None) in typing.get_args(kind) and len(kinds) == 1 else kind


def _or_nothing(kind: Any, leaf: Leaf) -> Any:
    return kind | None if leaf.default is None or (leaf.default is REQUIRED and _is_completed(leaf)) else kind


def _metavar(leaf: Leaf) -> str:
    assert not isinstance(leaf.place, Argument), "arguments name theirs"
    if leaf.place.metavar:
        return leaf.place.metavar
    if typing.get_origin(leaf.kind) is tuple and not leaf.unit:
        return ",".join("N" if kind is not Ellipsis else "..." for kind in typing.get_args(leaf.kind))
    # Typer adds the bounds of a number that it reads itself
    bound = f" [{leaf.bounds}]" if leaf.bounds and _is_read_here(leaf) else ""
    return (
        "|".join([leaf.unit.upper() or ("NAME" if leaf.kind in {str, str | None} else "N"), *leaf.words])
        + bound
    )

"""The tables of docs/settings.md, written from the specifications: `python -m tests.settings_page`."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from actors.specs.bench import BenchSpec
from actors.specs.calibrate import CalibrateSpec
from actors.specs.certify import CertifySpec
from actors.specs.evaluate import EvaluateSpec
from actors.specs.export import ExportSpec
from actors.specs.flywheel import FlywheelSpec
from actors.specs.import_labels import ImportLabelsSpec
from actors.specs.label import LabelSpec
from actors.specs.leaves import REQUIRED, Leaf, is_union, leaves_of
from actors.specs.marks import Argument
from actors.specs.reading import CheckModelSpec, CompareSpec, ConvertSpec, ReportSpec, ShowSpec, StatusSpec
from actors.specs.review import ReviewSpec, UpgradeSpec
from actors.specs.shard import ShardSpec
from actors.specs.train import TrainSpec
from actors.specs.verify import VerifySpec
from mfp.setting import Effect
from pipelines.commands.option_values import number_type
from pipelines.commands.spec_command import flags_of

PAGE: Final = Path(__file__).parents[1] / "docs" / "settings.md"
BEGIN: Final = "<!-- the tables: python -m tests.settings_page writes them -->"
END: Final = "<!-- end of the tables -->"

SPECS: Final[Mapping[str, type[Any]]] = {
    "shard": ShardSpec,
    "label": LabelSpec,
    "evaluate": EvaluateSpec,
    "train": TrainSpec,
    "flywheel": FlywheelSpec,
    "review": ReviewSpec,
    "upgrade": UpgradeSpec,
    "export": ExportSpec,
    "import": ImportLabelsSpec,
    "verify": VerifySpec,
    "report": ReportSpec,
    "compare": CompareSpec,
    "show": ShowSpec,
    "status": StatusSpec,
    "convert": ConvertSpec,
    "check-model": CheckModelSpec,
    "bench": BenchSpec,
    "calibrate": CalibrateSpec,
    "certify": CertifySpec,
}
"""Every command that takes settings."""

_GOING_ON = (
    LabelSpec,
    UpgradeSpec,
    EvaluateSpec,
    TrainSpec,
    FlywheelSpec,
)  # their directories keep what they were told
_MORE_THAN_PLACES = {"model.name", "name", "clicks.source"}
_DECIDES = {Effect.ROWS: "rows", Effect.CONTENT: "rows, by content", Effect.EXECUTION: "execution"}


def page_with_tables(page: str) -> str:
    """The page with its tables as the specifications have them now. ValueError if its markers are not there once."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"the page needs {BEGIN!r} and {END!r}, each once and in this order")
    return f"{before}{begin}\n\n{tables()}\n{end}{after}"


def tables() -> str:
    """One section for each command."""
    return "\n".join(f"### mfp {command}\n\n{table(spec)}\n" for command, spec in SPECS.items())


def table(spec: type[Any]) -> str:
    """The settings of a specification, a row for each."""
    goes_on = spec in _GOING_ON
    columns = ["setting", "option", "values", "default", *(["decides"] if goes_on else []), "what it is for"]
    rows = [
        [
            f"`{leaf.name}`",
            _option(leaf),
            _values(leaf.kind, leaf),
            _default(leaf),
            *([_DECIDES[leaf.effect]] if goes_on else []),
            leaf.help,
        ]
        for leaf in leaves_of(spec)
    ]
    return "\n".join(_row(row) for row in [columns, ["---"] * len(columns), *rows])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _option(leaf: Leaf) -> str:
    if leaf.is_hidden:
        return "no option"
    if isinstance(leaf.place, Argument):
        return f"`{leaf.place.metavar}`"
    return f"`{flags_of(leaf)[0]}`"


def _values(kind: Any, leaf: Leaf) -> str:
    if kind is bool:
        return "`true`, `false`"
    if typing.get_origin(kind) is Literal:
        return ", ".join(f"`{word}`" for word in typing.get_args(kind))
    if is_union(kind):
        kinds = [one for one in typing.get_args(kind) if one is not type(None)]
        return ", or ".join(_values(one, leaf) for one in kinds)
    if typing.get_origin(kind) is tuple:
        return _list(typing.get_args(kind), leaf)
    kind = getattr(kind, "__origin__", kind)  # without its bounds
    if kind is str:
        return "path or URL" if leaf.is_location and leaf.name not in _MORE_THAN_PLACES else _text(leaf)
    assert number_type(leaf) is kind, leaf.name
    return ("number" if kind is float else "whole number") + leaf.bounds_in_words


def _text(leaf: Leaf) -> str:
    form = "" if isinstance(leaf.place, Argument) else leaf.place.metavar
    return f"`{form}`" if form else "text"


def _list(kinds: tuple[Any, ...], leaf: Leaf) -> str:
    if str in kinds:
        return "list of paths or URLs" if leaf.is_location else f"list of {_text(leaf)}"
    count = "" if Ellipsis in kinds else f"{len(kinds)} "
    return f"list of {count}{'whole numbers' if int in kinds else 'numbers'}"


def _default(leaf: Leaf) -> str:
    said = "" if isinstance(leaf.place, Argument) else leaf.place.shown_default
    if leaf.default is REQUIRED and leaf.path[0] == "recipe":
        return said or "the recipe's"
    if leaf.default is REQUIRED:
        return "needed"
    if leaf.default is None or said:
        return said or "none"
    if isinstance(leaf.default, bool):
        return f"`{str(leaf.default).lower()}`"
    if isinstance(leaf.default, tuple):
        return f"`{list(leaf.default)}`"
    return f'`"{leaf.default}"`' if isinstance(leaf.default, str) else f"`{leaf.default}`"


def examples(page: str) -> list[str]:
    """The TOML examples of a page, in order."""
    return re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def main() -> None:
    """Write the tables into the page."""
    PAGE.write_text(page_with_tables(PAGE.read_text()))


if __name__ == "__main__":
    main()

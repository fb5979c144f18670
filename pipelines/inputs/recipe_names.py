"""The recipes that come with this release, by name."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import OptionError
from pipelines.inputs.did_you_mean import did_you_mean

_FOLDER = Path(__file__).parents[1] / "recipes"


def recipe_names() -> list[str]:
    """The recipes that come with this release."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def check_recipe_name(name_or_path: str) -> Path:
    """Return the file of a recipe that was given by its name or path.

    Raises:
        OptionError: there is none.

    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise OptionError(f"recipe {path} cannot be read: there is no such file")
        return path
    shipped = _FOLDER / f"{name_or_path}.toml"
    if name_or_path not in recipe_names():
        raise OptionError(
            f"recipe {name_or_path!r} does not exist{did_you_mean(name_or_path, recipe_names())}: choose from "
            f"{', '.join(recipe_names())}, or give a .toml file"
        )
    return shipped

"""All that an import of corrected labels is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from typing_extensions import Doc

from actors.specs.export import USUAL_CATEGORY
from actors.specs.label import StorageSection
from actors.specs.marks import LOCATION, SPOKEN, Argument, Option
from infra.imports.format_names import ImportFormatName
from infra.storage.options import StorageOptions


@dataclass(frozen=True, kw_only=True)
class ImportLabelsSpec:
    """One call of `mfp import`."""

    file: Annotated[
        str,
        Argument("FILE"),
        LOCATION,
        Doc("The JSON or XML that the program has exported, unpacked; a path or URL."),
    ]
    run: Annotated[
        str, Option(metavar="RUN"), LOCATION, Doc("Run directory whose masks were corrected: what was --out.")
    ]
    reviewer: Annotated[str, Option(metavar="NAME"), Doc("Who has corrected them.")]
    format: Annotated[
        Literal["auto", ImportFormatName],
        Doc("The format of the file. auto: as its first character says; docs/import.md tells what is read."),
    ] = "auto"
    exported: Annotated[
        str | None,
        Option(metavar="FOLDER", shown_default="every object of an image was to be seen"),
        LOCATION,
        Doc(
            "The folder that `mfp export` wrote. Name it if the export left out objects: those that are not in it are "
            "then not taken for deleted ones."
        ),
    ] = None
    category: Annotated[
        str,
        Option(metavar="ATTRIBUTE"),
        Doc("Attribute of objects, or else of samples, that holds the class, as it was exported."),
    ] = USUAL_CATEGORY
    replace: Annotated[
        bool,
        SPOKEN,
        Doc(
            "Put what the file says in the place of other decisions that the run has; else they stay and are named."
        ),
    ] = False
    dry_run: Annotated[bool, SPOKEN, Doc("Say what would come of it, and write nothing.")] = False
    storage: StorageSection = StorageOptions()

    def __post_init__(self) -> None:
        if isinstance(self.reviewer, str) and not self.reviewer.strip():
            raise ValueError("reviewer is empty: say who has corrected the labels")

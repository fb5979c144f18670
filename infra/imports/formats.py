"""The formats of corrected labels by name: a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from infra.imports.coco import COCO
from infra.imports.cvat import CVAT
from infra.imports.import_format import ImportFormat
from infra.imports.label_studio import LABEL_STUDIO

FORMATS: Final[Mapping[str, ImportFormat]] = {known.name: known for known in (LABEL_STUDIO, CVAT, COCO)}

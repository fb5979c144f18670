"""What runs are asked to do, in tests that have no use for a specification."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from infra.json_text import JsonValue
from infra.runs.run_config import RUN_FILE, RunRequest

ANYTHING: Mapping[str, JsonValue] = {"test": True}


def asked(
    document: Mapping[str, JsonValue] = ANYTHING,
    *,
    file: str = RUN_FILE,
    open_fields: Collection[str] = (),
    by_content: Collection[str] = (),
) -> RunRequest:
    return RunRequest(file, document, open_fields, by_content)

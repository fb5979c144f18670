"""What the directory of a run keeps: all of its settings, and nothing that speaks for whoever reads it."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from actors.specs.model import ModelChoice
from infra.errors import RunDirectoryError
from infra.storage.files import Storage
from pipelines.inputs.run_record import LabelRecord, read_record, request_of, versions
from tests.specs import label_record

STORAGE = Storage()


def written(folder: Path, change: Any = lambda document: None) -> str:
    request_of(label_record()).begin(STORAGE, str(folder))
    file = folder / "run.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    return str(folder)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    assert read_record(LabelRecord, written(tmp_path), STORAGE) == label_record()


@pytest.mark.parametrize("name", ["seed", "clicks.max_clicks", "network.zoom_size", "limits"])
def test_a_setting_that_is_missing_is_no_default(tmp_path: Path, name: str) -> None:
    *sections, last = name.split(".")

    def take_away(document: Any) -> None:
        place = document["spec"]
        for section in sections:
            place = place[section]
        del place[last]

    with pytest.raises(
        RunDirectoryError, match=rf"does not say how the run was made: .*spec\.{name}.*is missing"
    ):
        read_record(LabelRecord, written(tmp_path, take_away), STORAGE)


def test_a_record_says_nothing_of_trust() -> None:
    choice = ModelChoice("bright:7", trust_model_code=True)
    assert choice.without_trust == replace(choice, trust_model_code=False)


def test_the_version_of_a_backend_is_told_if_it_is_here() -> None:
    assert set(versions("torch")) == set(versions()) == {"mfp-pipeline", "torch", "timm", "ray"}
    assert set(versions("onnxruntime")) == {*versions(), "onnxruntime"}
    is_here = find_spec("openvino") is not None
    assert ("openvino" in versions("openvino")) == is_here

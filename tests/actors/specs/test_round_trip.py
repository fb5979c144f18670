"""Every specification, and what a run's directory keeps of it, comes back from JSON as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.strict_json import from_bytes, from_json, to_json
from pipelines.inputs.run_record import ClickContent, ClickLogContent, FollowedRun, LabelRecord, OneModel
from tests.drawn_specs import specs
from tests.settings_page import SPECS
from tests.specs import label_record


@pytest.mark.parametrize("kind", SPECS.values(), ids=SPECS)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_specification_comes_back_as_it_was(kind: type[Any], data: st.DataObject) -> None:
    spec = data.draw(specs(kind))
    text = json.dumps(to_json(spec), allow_nan=False)
    assert from_bytes(kind, text) == spec
    assert from_json(kind, to_json(from_json(kind, json.loads(text)))) == spec


@pytest.mark.parametrize(
    "model", [OneModel(model_id="a"), OneModel(model_id="a", step=3), FollowedRun(run="s3://b")]
)
@pytest.mark.parametrize("clicks", ["simulated", ClickLogContent(fingerprint="f", num_clicks=2)])
def test_a_record_keeps_which_of_several_classes_it_holds(
    model: OneModel | FollowedRun, clicks: ClickContent
) -> None:
    record = replace(label_record(content=clicks), model=model)
    assert from_json(LabelRecord, to_json(record)) == record

"""`mfp check-model`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.published_models import publish
from infra.storage.files import Storage
from mfp.model_check import Promise
from pipelines import CheckModelSpec, check_model
from tests.mfp.bad_models import BAD_MODELS
from tests.model_files import small_model
from tests.pipelines.commands.replaced_jobs import mfp


def broken_model() -> object:
    """A model that breaks a promise: `python:tests.pipelines.test_check_model:broken_model`."""
    create, _ = BAD_MODELS["default dtype"]
    return create()


def test_a_model_that_keeps_its_promises_is_a_table_and_exit_code_0() -> None:
    result = mfp("check-model", "analytic")
    assert result.exit_code == 0, result.output
    heading, *rows, time, outcome = result.stdout.splitlines()
    assert heading.split() == ["promise", "kept", "detail"]
    assert [row.startswith(f"{promise} ") for row, promise in zip(rows, Promise, strict=True)] == [
        True
    ] * len(rows)
    assert time.endswith(" s per click on cpu, median, one session at a time")
    assert outcome == "analytic (analytic, identity analytic) keeps all 11 promises"


def test_a_broken_promise_is_named_with_exit_code_1() -> None:
    name = f"python:{__name__}:broken_model"
    result = mfp("check-model", name, "--trust-model-code")
    assert result.exit_code == 1
    (row,) = (row for row in result.stdout.splitlines() if " NO " in row)
    assert row.split(maxsplit=3) == ["global", "state", "NO", "changed: torch's default dtype in predict"]
    assert result.stdout.splitlines()[-1].startswith(f"NOT GOOD: {name} (")
    assert result.stdout.splitlines()[-1].endswith(") breaks 1 of 11 promises")
    document = json.loads(mfp("check-model", name, "--trust-model-code", "--json").stdout)
    assert not document["holds"]
    assert [one["name"] for one in document["promises"] if not one["holds"]] == ["global state"]
    assert document["seconds_per_click"] > 0


def test_a_file_and_the_newest_model_of_a_training_run_are_models_too(tmp_path: Path) -> None:
    data, identity = small_model(0)
    file = tmp_path / "small.safetensors"
    file.write_bytes(data)
    publish(Storage(), str(tmp_path / "training"), 4, data, identity, {})
    for name in (str(file), f"run://{tmp_path / 'training'}"):
        checked = check_model(CheckModelSpec(name=name))
        assert checked.identity == identity
        assert checked.check.holds


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["lite00"], "model 'lite00' is unknown (did you mean lite0?)"),
        (["analytic", "--model-option", "a=1"], "--model-option a=1: analytic takes no options"),
        (["python:tests.gone:model"], "give --trust-model-code if you trust it"),
        (["run:///gone"], "--model run:///gone: "),
    ],
)
def test_what_is_no_model_is_one_line_with_exit_code_1(line: list[str], message: str) -> None:
    result = mfp("check-model", *line)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_option_without_a_value_is_wrong_usage() -> None:
    assert mfp("check-model", "analytic", "--model-option", "a").exit_code == 2

"""run.json: the first run says what the directory is for, every later one must say the same."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import RunDirectoryError
from infra.runs.run_config import (
    FLYWHEEL_FILE,
    RUN_FILE,
    TRAINING_FILE,
    UNKNOWN,
    Earlier,
    create_or_compare,
    differences,
    read_config,
)
from infra.shards.sample import JsonValue
from infra.storage.files import Storage, join
from tests.infra.overwriting import Overwriting

CONFIG: dict[str, JsonValue] = {
    "max_clicks": 20,
    "target_iou": 0.95,
    "zoom": {"size": 320, "enabled": True},
    "shards": ["a", "b"],
    "versions": {"torch": "2.14"},
    "created": "2026-01-01",
}
STORAGE = Storage()  # building S3 clients takes most of a second
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_the_first_run_records_what_it_was_asked(folder_url: str) -> None:
    create_or_compare(STORAGE, folder_url, CONFIG)
    assert read_config(STORAGE, folder_url) == CONFIG


def test_the_same_configuration_goes_on(folder_url: str) -> None:
    create_or_compare(STORAGE, folder_url, CONFIG)
    create_or_compare(STORAGE, folder_url, dict(reversed(CONFIG.items())))
    assert read_config(STORAGE, folder_url) == CONFIG


FILES = (RUN_FILE, TRAINING_FILE, FLYWHEEL_FILE)


@pytest.mark.parametrize(("first", "second"), [*itertools.permutations(FILES, 2)])
def test_the_directory_of_another_kind_of_run_is_refused(folder_url: str, first: str, second: str) -> None:
    create_or_compare(STORAGE, folder_url, CONFIG, file=first)
    with pytest.raises(
        RunDirectoryError, match=rf"is the directory of a run of .*it holds {first}.*another dir"
    ):
        create_or_compare(STORAGE, folder_url, CONFIG, file=second)
    assert not STORAGE.exists(join(folder_url, second))


def test_another_configuration_is_refused_naming_every_differing_field(folder_url: str) -> None:
    create_or_compare(STORAGE, folder_url, CONFIG)
    other = CONFIG | {
        "max_clicks": 10,
        "target_iou": None,
        "zoom": {"size": 400, "enabled": True},
        "flip": False,
    }
    with pytest.raises(RunDirectoryError) as caught:
        create_or_compare(STORAGE, folder_url, other)
    assert str(caught.value) == (
        f"{folder_url} holds a run of another configuration: flip is absent there and false here; "
        "max_clicks is 20 there and 10 here; target_iou is 0.95 there and null here; "
        "zoom.size is 320 there and 400 here: "
        "give the same options to go on with it, or another directory to start anew"
    )
    assert read_config(STORAGE, folder_url) == CONFIG


def test_volatile_fields_are_recorded_but_not_compared(folder_url: str) -> None:
    create_or_compare(STORAGE, folder_url, CONFIG)
    create_or_compare(STORAGE, folder_url, CONFIG | {"versions": {"torch": "3.0"}, "created": "2027-01-01"})
    assert read_config(STORAGE, folder_url)["created"] == "2026-01-01"
    with pytest.raises(RunDirectoryError, match=r"versions\.torch"):
        create_or_compare(STORAGE, folder_url, CONFIG | {"versions": {"torch": "3.0"}}, volatile=())


def test_a_field_that_was_added_later_counts_as_what_was_done_before_it(folder_url: str) -> None:
    create_or_compare(STORAGE, folder_url, CONFIG)
    here = CONFIG | {
        "flip": True,
        "zoom": {"size": 320, "enabled": True, "margin": 1.4},
        "clicks": {"source": "logged"},
    }
    earlier: Earlier = {"flip": True, "zoom.margin": 1.4, "clicks": UNKNOWN, "max_clicks": 5}
    create_or_compare(STORAGE, folder_url, here, earlier=earlier)
    with pytest.raises(RunDirectoryError) as caught:
        create_or_compare(STORAGE, folder_url, here | {"flip": False, "max_clicks": 5}, earlier=earlier)
    assert "flip is true there and false here; max_clicks is 20 there and 5 here: give" in str(caught.value)


def test_long_values_are_cut_in_the_message(tmp_path: Path) -> None:
    create_or_compare(Storage(), str(tmp_path), {"shards": ["x" * 500]})
    with pytest.raises(RunDirectoryError) as caught:
        create_or_compare(Storage(), str(tmp_path), {"shards": ["y" * 500]})
    assert len(str(caught.value)) < len(str(tmp_path)) + 400


def test_what_is_no_run_is_refused(folder_url: str) -> None:
    with pytest.raises(RunDirectoryError, match=r"is no run directory: it has no run\.json"):
        read_config(STORAGE, folder_url)


def test_a_run_of_another_command_is_told_apart_from_none(folder_url: str) -> None:
    create_or_compare(STORAGE, folder_url, {"seed": 1}, file=TRAINING_FILE)
    with pytest.raises(RunDirectoryError, match="is a run of `mfp train`, which `mfp status` looks at: give"):
        read_config(STORAGE, folder_url)
    assert read_config(STORAGE, folder_url, TRAINING_FILE) == {"seed": 1}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff"])
def test_a_broken_run_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"run\.json (is not JSON|holds no JSON object)"):
        create_or_compare(Storage(), str(tmp_path), CONFIG)


def test_what_is_there_is_compared_also_where_storage_would_write_over_it(tmp_path: Path) -> None:
    create_or_compare(Overwriting(), str(tmp_path), CONFIG)
    with pytest.raises(RunDirectoryError, match="max_clicks is 20 there and 10 here"):
        create_or_compare(Overwriting(), str(tmp_path), CONFIG | {"max_clicks": 10})
    assert read_config(STORAGE, str(tmp_path)) == CONFIG


def test_a_put_that_meets_its_own_first_success_begins_the_run(folder_url: str) -> None:
    class AnswerLost(Storage):
        def create_bytes(self, url: str, data: bytes) -> bool:
            super().create_bytes(url, data)
            return super().create_bytes(url, data)

    create_or_compare(AnswerLost(), folder_url, CONFIG)
    assert read_config(STORAGE, folder_url) == CONFIG


def test_values_json_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        create_or_compare(Storage(), str(tmp_path), {"target_iou": float("nan")})
    assert not Storage().exists(join(str(tmp_path), "run.json"))


@given(json_values)
@settings(deadline=None)
def test_what_went_through_json_does_not_differ_from_itself(value: JsonValue) -> None:
    assert not list(differences(json.loads(json.dumps(value)), value))


@pytest.mark.parametrize(
    ("there", "here"), [(1, True), (0, False), (None, 0), ("1", 1), ([1], [1, 2]), ({}, [])]
)
def test_values_of_different_kinds_differ(there: JsonValue, here: JsonValue) -> None:
    assert list(differences({"field": there}, {"field": here})) == [("field", there, here)]

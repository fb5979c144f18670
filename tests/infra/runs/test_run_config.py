"""run.json: the first run says what the directory is for, every later one must say the same."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import RunDirectoryError
from infra.json_text import JsonValue
from infra.runs.run_config import (
    FLYWHEEL_FILE,
    RUN_FILE,
    TRAINING_FILE,
    RunRequest,
    differences,
    read_config,
)
from infra.storage.files import Storage, join
from tests.infra.overwriting import Overwriting
from tests.infra.requests import asked as request

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
    request(CONFIG).begin(STORAGE, folder_url)
    assert read_config(STORAGE, folder_url) == CONFIG


def test_the_same_configuration_goes_on(folder_url: str) -> None:
    request(CONFIG).begin(STORAGE, folder_url)
    request(dict(reversed(CONFIG.items()))).begin(STORAGE, folder_url)
    assert read_config(STORAGE, folder_url) == CONFIG


FILES = (RUN_FILE, TRAINING_FILE, FLYWHEEL_FILE)


@pytest.mark.parametrize(("first", "second"), [*itertools.permutations(FILES, 2)])
def test_the_directory_of_another_kind_of_run_is_refused(folder_url: str, first: str, second: str) -> None:
    request(CONFIG, file=first).begin(STORAGE, folder_url)
    with pytest.raises(
        RunDirectoryError, match=rf"is the directory of a run of .*it holds {first}.*another dir"
    ):
        request(CONFIG, file=second).begin(STORAGE, folder_url)
    assert not STORAGE.exists(join(folder_url, second))


def test_another_configuration_is_refused_naming_every_differing_field(folder_url: str) -> None:
    request(CONFIG).begin(STORAGE, folder_url)
    other = CONFIG | {
        "max_clicks": 10,
        "target_iou": None,
        "zoom": {"size": 400, "enabled": True},
        "flip": False,
    }
    with pytest.raises(RunDirectoryError) as caught:
        request(other).begin(STORAGE, folder_url)
    assert str(caught.value) == (
        f"{folder_url} holds a run of another configuration: flip is absent there and false here; "
        "max_clicks is 20 there and 10 here; target_iou is 0.95 there and null here; "
        "zoom.size is 320 there and 400 here: "
        "give the same options to go on with it, or another directory to start anew"
    )
    assert read_config(STORAGE, folder_url) == CONFIG


def test_open_fields_are_recorded_but_not_compared_nor_what_lies_below_them(folder_url: str) -> None:
    open_fields = ("versions", "created", "zoom.size")
    request(CONFIG, open_fields=open_fields).begin(STORAGE, folder_url)
    other = CONFIG | {
        "versions": {"torch": "3.0"},
        "created": "2027-01-01",
        "zoom": {"size": 9, "enabled": True},
    }
    request(other, open_fields=open_fields).begin(STORAGE, folder_url)
    assert read_config(STORAGE, folder_url)["created"] == "2026-01-01"
    with pytest.raises(RunDirectoryError, match=r"versions\.torch"):
        request(other, open_fields=("created", "vers", "zoom")).begin(STORAGE, folder_url)


@pytest.mark.parametrize("found", [2, True, 1.0, "1", None])
def test_a_file_of_another_format_is_refused_with_both(folder_url: str, found: JsonValue) -> None:
    request(CONFIG).begin(STORAGE, folder_url)
    url = join(folder_url, RUN_FILE)
    document = json.loads(STORAGE.read_bytes(url))
    assert document == {"format": 1, **CONFIG}
    STORAGE.write_bytes(url, json.dumps(document | {"format": found}).encode())
    message = (
        f"^{re.escape(url)} is of format {json.dumps(found)}, and this release reads 1: use the release "
    )
    for read in (
        lambda: request(CONFIG).begin(STORAGE, folder_url),
        lambda: read_config(STORAGE, folder_url),
    ):
        with pytest.raises(RunDirectoryError, match=message):
            read()
    STORAGE.write_bytes(url, json.dumps(CONFIG).encode())
    with pytest.raises(RunDirectoryError, match=r"run\.json names no format, and this release reads 1: use"):
        read_config(STORAGE, folder_url)


def test_of_long_values_a_refusal_shows_both_ends(folder_url: str) -> None:
    request({"data": f"/{'x' * 200}/a"}).begin(STORAGE, folder_url)
    with pytest.raises(RunDirectoryError, match=r'data is "/x+\.\.\.x+/a" there and "/x+\.\.\.x+/b" here'):
        request({"data": f"/{'x' * 200}/b"}).begin(STORAGE, folder_url)


def test_a_refusal_tells_of_places_that_differ_beside_their_content(folder_url: str) -> None:
    def asking(place: str, content: str) -> RunRequest:
        return request(
            {"spec": {"data": place}, "content": content}, open_fields=["spec.data"], by_content=["spec.data"]
        )

    asking("/a", "x").begin(STORAGE, folder_url)
    asking("/b", "x").begin(STORAGE, folder_url)
    with pytest.raises(RunDirectoryError) as caught:
        asking("/b", "y").begin(STORAGE, folder_url)
    assert ': content is "x" there and "y" here; data is "/a" there and "/b" here: give' in str(caught.value)


def test_a_check_says_what_beginning_would_and_creates_nothing(folder_url: str) -> None:
    request(CONFIG).check(STORAGE, folder_url)
    assert not STORAGE.exists(join(folder_url, RUN_FILE))
    request(CONFIG).begin(STORAGE, folder_url)
    with pytest.raises(RunDirectoryError, match="max_clicks is 20 there and 10 here"):
        request(CONFIG | {"max_clicks": 10}).check(STORAGE, folder_url)


def test_fields_of_the_specification_are_called_as_a_person_calls_them(tmp_path: Path) -> None:
    request({"spec": {"network": {"flip": True}}}).begin(STORAGE, str(tmp_path))
    with pytest.raises(RunDirectoryError, match=r"configuration: network\.flip is true there and false here"):
        request({"spec": {"network": {"flip": False}}}).begin(STORAGE, str(tmp_path))


def test_long_values_are_cut_in_the_message(tmp_path: Path) -> None:
    request({"shards": ["x" * 500]}).begin(Storage(), str(tmp_path))
    with pytest.raises(RunDirectoryError) as caught:
        request({"shards": ["y" * 500]}).begin(Storage(), str(tmp_path))
    assert len(str(caught.value)) < len(str(tmp_path)) + 400


def test_what_is_no_run_is_refused(folder_url: str) -> None:
    with pytest.raises(RunDirectoryError, match=r"is no run directory: it has no run\.json"):
        read_config(STORAGE, folder_url)


def test_a_run_of_another_command_is_told_apart_from_none(folder_url: str) -> None:
    request({"seed": 1}, file=TRAINING_FILE).begin(STORAGE, folder_url)
    with pytest.raises(RunDirectoryError, match="is a run of `mfp train`, which `mfp status` looks at: give"):
        read_config(STORAGE, folder_url)
    assert read_config(STORAGE, folder_url, TRAINING_FILE) == {"seed": 1}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff"])
def test_a_broken_run_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunDirectoryError, match=r"run\.json (is not JSON|holds no JSON object)"):
        request(CONFIG).begin(Storage(), str(tmp_path))


def test_what_is_there_is_compared_also_where_storage_would_write_over_it(tmp_path: Path) -> None:
    request(CONFIG).begin(Overwriting(), str(tmp_path))
    with pytest.raises(RunDirectoryError, match="max_clicks is 20 there and 10 here"):
        request(CONFIG | {"max_clicks": 10}).begin(Overwriting(), str(tmp_path))
    assert read_config(STORAGE, str(tmp_path)) == CONFIG


def test_a_put_that_meets_its_own_first_success_begins_the_run(folder_url: str) -> None:
    class AnswerLost(Storage):
        def create_bytes(self, url: str, data: bytes) -> bool:
            super().create_bytes(url, data)
            return super().create_bytes(url, data)

    request(CONFIG).begin(AnswerLost(), folder_url)
    assert read_config(STORAGE, folder_url) == CONFIG


def test_values_json_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        request({"target_iou": float("nan")}).begin(Storage(), str(tmp_path))
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

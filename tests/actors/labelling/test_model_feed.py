"""Which published models a labelling run takes, and which it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actors.labelling import model_feed
from actors.labelling.model_feed import FollowedModels
from infra.errors import StorageError
from infra.published_models import PublishedModel, model_url, publish
from infra.storage.files import Storage, join
from tests.model_files import small_model

STORAGE = Storage()


def published(run: str, step: int, noc90: float | None = None) -> PublishedModel:
    data, model_id = small_model(step)
    return publish(STORAGE, run, step, data, model_id, {} if noc90 is None else {"noc90": noc90})


@pytest.fixture(autouse=True)
def looks_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_feed, "POLL_SECONDS", 0.0)


class Following:
    """A feed over a training run, and what it has noted."""

    def __init__(self, run: str, first: PublishedModel, *, if_better: bool = False) -> None:
        self.taken: list[int] = []
        self.feed = FollowedModels(
            STORAGE,
            run,
            first,
            small_model(first.step)[0],
            if_better=if_better,
            on_taken=lambda model: self.taken.append(model.step),
        )

    def model_id(self) -> str:
        return self.feed.newest().identity


def test_a_model_that_is_published_later_is_taken_with_its_own_bytes(folder_url: str) -> None:
    following = Following(folder_url, published(folder_url, 1))
    assert following.model_id() == small_model(1)[1]
    second = published(folder_url, 2)
    assert following.feed.newest().weights == small_model(2)[0]
    assert following.model_id() == second.model_id
    assert following.taken == [2]


def test_the_pointer_is_not_read_more_often_than_it_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_feed, "POLL_SECONDS", 3600.0)
    following = Following(str(tmp_path), published(str(tmp_path), 1))
    first = following.model_id()
    published(str(tmp_path), 2)
    assert following.model_id() == first


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_half_written_model_is_not_taken_until_it_is_whole(tmp_path: Path, size: int) -> None:
    run = str(tmp_path)
    following = Following(run, published(run, 1))
    published(run, 2)
    whole = STORAGE.read_bytes(model_url(run, 2))
    STORAGE.write_bytes(model_url(run, 2), whole[:size])
    assert following.model_id() == small_model(1)[1]
    STORAGE.write_bytes(model_url(run, 2), whole)
    assert following.model_id() == small_model(2)[1]


def test_bytes_of_the_right_number_that_are_not_the_published_ones_are_not_taken(tmp_path: Path) -> None:
    run = str(tmp_path)
    following = Following(run, published(run, 1))
    published(run, 2)
    whole = bytearray(STORAGE.read_bytes(model_url(run, 2)))
    whole[-1] ^= 1
    STORAGE.write_bytes(model_url(run, 2), bytes(whole))
    assert following.model_id() == small_model(1)[1]
    published(run, 3)
    assert following.model_id() == small_model(3)[1]


def test_a_file_that_is_whole_but_no_model_is_left(tmp_path: Path) -> None:
    run = str(tmp_path)
    following = Following(run, published(run, 1))
    publish(STORAGE, run, 2, b"not a model", "b" * 16, {})
    assert following.model_id() == small_model(1)[1]
    assert following.taken == []


@pytest.mark.parametrize(
    ("present", "candidate", "is_taken"),
    [
        (5.0, 4.9, True),
        (5.0, 5.0, False),
        (5.0, 5.1, False),
        (5.0, None, False),
        (None, 9.0, True),
        (None, None, False),
    ],
)
def test_only_what_is_known_to_need_fewer_clicks_is_taken_if_better_is_asked(
    tmp_path: Path, present: float | None, candidate: float | None, is_taken: bool
) -> None:
    run = str(tmp_path)
    following = Following(run, published(run, 1, present), if_better=True)
    published(run, 2, candidate)
    assert following.model_id() == small_model(2 if is_taken else 1)[1]


def test_a_worse_model_in_between_is_passed_over(tmp_path: Path) -> None:
    run = str(tmp_path)
    following = Following(run, published(run, 1, 6.0), if_better=True)
    for step, noc90 in ((2, 5.0), (3, 5.5), (4, 4.0), (5, 4.5)):
        published(run, step, noc90)
        following.model_id()
    assert following.taken == [2, 4]


def test_storage_that_does_not_answer_and_broken_pointers_leave_the_present_model(tmp_path: Path) -> None:
    run = str(tmp_path)
    following = Following(run, published(run, 1))
    following.model_id()
    pointer = join(run, "models/latest.json")
    STORAGE.write_bytes(pointer, json.dumps({"step": 2}).encode())
    assert following.model_id() == small_model(1)[1]


def test_a_model_that_cannot_be_noted_is_not_used(tmp_path: Path) -> None:
    run = str(tmp_path)

    def fail(_: PublishedModel) -> None:
        raise StorageError("gone")

    first = published(run, 1)
    feed = FollowedModels(STORAGE, run, first, small_model(1)[0], on_taken=fail)
    published(run, 2)
    assert feed.newest().identity == first.model_id

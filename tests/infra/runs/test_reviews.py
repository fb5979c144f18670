"""Decisions of people: durable, never written over, read once."""

from __future__ import annotations

import gzip
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import rle
from infra.errors import RunDirectoryError
from infra.runs import reviews as reviews_file
from infra.runs.reviews import (
    Clicked,
    Review,
    ReviewClick,
    ReviewConflictError,
    ReviewMask,
    Reviews,
    Verdict,
    digest_of,
    read_reviews,
)
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage, join

MASK = ReviewMask(
    height=4,
    width=5,
    rle=rle.encode(np.eye(4, 5, dtype=np.bool_)),
    origin=Clicked(
        start="mask",
        clicks=(ReviewClick(1.5, 2.0, True), ReviewClick(3.0, 0.0, False)),
        model_id="m",
        backend="torch",
        threads=2,
        quality=0.75,
    ),
)


def review(decision: str = "a", **changes: Any) -> Review:
    values: dict[str, Any] = {
        "shard": "s-0.tar",
        "sample_key": "folder/key",
        "object_id": "1",
        "verdict": Verdict.ACCEPTED,
        "reviewer": "Ada",
        "time": datetime(2026, 11, 29, 12, 30, tzinfo=UTC),
        "decision": decision,
        "attempt": "1_0",
    }
    return Review(**(values | changes))


def corrected(decision: str = "a") -> Review:
    return review(decision, verdict=Verdict.CORRECTED, mask=MASK, iou=0.5, category="dog")


class CountingStorage(Storage):
    """Counts the files that are read."""

    num_read = 0

    def read_bytes(self, url: str) -> bytes:
        self.num_read += 1
        return super().read_bytes(url)


def test_a_decision_is_read_back_as_it_was_made(folder_url: str) -> None:
    run = RunDirectory(folder_url, Storage())
    assert dict(read_reviews(run)) == {}
    Reviews(run).put(corrected(), 0)
    assert dict(read_reviews(run)) == {("folder/key", "1"): corrected()}


def test_who_decides_on_an_outdated_state_hears_who_was_first_and_changes_nothing(folder_url: str) -> None:
    run = RunDirectory(folder_url, Storage())
    first, second = Reviews(run), Reviews(run)
    first.put(review(), 0)
    with pytest.raises(
        ReviewConflictError, match=r"^Ada was first: object '1' of sample 'folder/key' is accepted"
    ):
        second.put(review("b", verdict=Verdict.REJECTED, reviewer="Bob"), 0)
    assert read_reviews(run)["folder/key", "1"] == review()
    # who has seen it now may replace it
    later = review("c", verdict=Verdict.REJECTED, reviewer="Bob")
    assert second.put(later, 1).number == 2
    assert read_reviews(run)["folder/key", "1"] == later


def test_who_is_second_hears_of_the_newest_decision_and_not_of_one_that_was_replaced(folder_url: str) -> None:
    run = RunDirectory(folder_url, Storage())
    bob, ada = Reviews(run), Reviews(run)
    ada.put(review("a"), 0)
    ada.put(review("b", verdict=Verdict.WITHDRAWN), 1)
    ada.put(corrected("c"), 2)
    with pytest.raises(ReviewConflictError, match="is corrected since") as conflict:
        bob.put(review("d", reviewer="Bob"), 0)
    assert (conflict.value.first.number, conflict.value.first.review) == (3, corrected("c"))
    assert bob.put(review("d", reviewer="Bob"), 3).number == 4


def test_no_decision_is_made_on_top_of_one_that_is_not_there(folder_url: str) -> None:
    reviews = Reviews(RunDirectory(folder_url, Storage()))
    reviews.put(review(), 0)
    with pytest.raises(RunDirectoryError, match="there is no decision 5 on object '1'"):
        reviews.put(review("b", verdict=Verdict.REJECTED), 5)
    assert [one.number for one in reviews.all()] == [1]


def test_a_decision_that_is_sent_twice_is_one(folder_url: str) -> None:
    reviews = Reviews(RunDirectory(folder_url, Storage()))
    assert [reviews.put(review(), 0).number for _ in range(3)] == [1, 1, 1]


def test_of_many_reviewers_at_one_moment_one_decides(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    num_rivals = 8
    begin, won, lost = threading.Barrier(num_rivals), list[str](), list[str]()

    def decide(name: str) -> None:
        reviews = Reviews(run)
        begin.wait()
        try:
            won.append(reviews.put(review(name, reviewer=name), 0).review.reviewer)
        except ReviewConflictError as conflict:
            lost.append(conflict.first.review.reviewer)

    threads = [threading.Thread(target=decide, args=(f"r{number}",)) for number in range(num_rivals)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert lost == won * (num_rivals - 1)


def test_only_what_is_new_is_read_again(tmp_path: Path) -> None:
    storage = CountingStorage()
    run = RunDirectory(str(tmp_path), storage)
    others = Reviews(RunDirectory(str(tmp_path), Storage()))
    for number in range(20):
        others.put(review(str(number), object_id=str(number)), 0)
    reviews = Reviews(run)
    reviews.refresh()
    assert storage.num_read == 20
    reviews.refresh()
    assert storage.num_read == 20
    others.put(review("new", object_id="7", verdict=Verdict.REJECTED), 1)
    reviews.refresh()
    assert storage.num_read == 21
    assert {one.review.object_id for one in reviews.all() if one.review.verdict is Verdict.REJECTED} == {"7"}


def test_a_pack_saves_who_comes_later_the_reading_and_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviews_file, "_WORTH_PACKING", 10)
    first = Reviews(RunDirectory(str(tmp_path), Storage()))
    for number in range(20):
        first.put(review(str(number), object_id=str(number)), 0)
    reader = Reviews(RunDirectory(str(tmp_path), Storage()))
    reader.refresh()
    reader.pack()
    reader.pack()  # there is nothing left to pack
    (pack,) = (tmp_path / "reviews").glob("pack-*")
    changed = first.put(review("new", object_id="7", verdict=Verdict.REJECTED), 1).review
    (tmp_path / "reviews" / f"{review(object_id='3').digest}-1.json").unlink()  # somebody deletes a decision
    expected = dict(read_reviews(RunDirectory(str(tmp_path), Storage())))
    assert len(expected) == 19
    assert expected[changed.name] == changed

    storage = CountingStorage()
    later = Reviews(RunDirectory(str(tmp_path), storage))
    later.refresh()
    assert {one.review.name: one.review for one in later.all()} == expected
    assert storage.num_read == 2  # the pack, and the decision since
    for damage in (b"", b"no gzip", pack.read_bytes()[:40], gzip.compress(b'[1, {"shard": 3}]')):
        pack.write_bytes(damage)
        assert dict(read_reviews(RunDirectory(str(tmp_path), Storage()))) == expected


def test_a_decision_that_was_taken_back_is_as_none(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    reviews = Reviews(run)
    reviews.put(review(), 0)
    assert reviews.is_decided(review().digest)
    reviews.put(review("b", verdict=Verdict.WITHDRAWN), 1)
    assert not reviews.is_decided(review().digest)
    assert dict(read_reviews(run)) == {}


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), unique=True, min_size=2, max_size=20))
def test_no_two_objects_share_their_files(names: list[tuple[str, str, str]]) -> None:
    encodable = [name for name in names if all(part.isprintable() for part in name)]
    assert len({digest_of(*name) for name in encodable}) == len(encodable)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"verdict": "maybe"}, "verdict"),
        ({"mask": None}, "corrected needs a mask"),
        ({"iou": None}, "corrected needs an IoU"),
        ({"iou": 1.5}, "iou"),
        ({"time": "2026-11-29T12:30:00"}, "time"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_file_that_is_no_review_is_told_by_its_name(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    Reviews(run).put(corrected(), 0)
    (file,) = (tmp_path / "reviews").iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(RunDirectoryError, match=f"{file.name} is no review of this version .*{reason}"):
        read_reviews(run)


def test_a_mask_that_does_not_fit_its_image_is_no_review() -> None:
    with pytest.raises(ValueError, match="add up to 20 pixels, the image has 5 x 5"):
        replace(MASK, height=5)


def test_a_review_under_the_name_of_another_object_is_refused(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    other = review(object_id="2")
    run.storage.write_bytes(join(run.url, "reviews", f"{other.digest}-1.json"), b"")
    Reviews(run).put(review(), 0)
    (tmp_path / "reviews" / f"{review().digest}-1.json").rename(
        tmp_path / "reviews" / f"{other.digest}-1.json"
    )
    with pytest.raises(RunDirectoryError, match="under another name: delete it"):
        read_reviews(run)

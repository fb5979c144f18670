"""Numbers of things read as people say them."""

from __future__ import annotations

import pytest

from infra.runs.commit import Unclicked
from pipelines.counted import counted


@pytest.mark.parametrize(("number", "words"), [(0, "0 objects"), (1, "1 object"), (1_000, "1,000 objects")])
def test_one_thing_is_not_many(number: int, words: str) -> None:
    assert counted(number, "object") == words


@pytest.mark.parametrize(
    ("unclicked", "words"),
    [
        (Unclicked(), "nothing"),
        (Unclicked(1, 0), "1 sample"),
        (Unclicked(2, 1), "2 samples and 1 object of other samples"),
        (Unclicked(0, 1_000), "1,000 objects"),
    ],
)
def test_what_was_left_out_is_counted_in_words(unclicked: Unclicked, words: str) -> None:
    assert str(unclicked) == words

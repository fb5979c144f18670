"""A page calls each run by a name that no other run of the page has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.jobs.report_page.run_names import run_names

PLACES = st.lists(st.sampled_from(["a", "b", "run"]), min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        (["s3://bucket/runs/davis"], ["davis"]),
        (["runs/old", "runs/new"], ["old", "new"]),
        (["old/eval", "new/eval", "new/other"], ["old/eval", "new/eval", "other"]),
        (["s3://a/eval/", "s3://b/eval"], ["a/eval", "b/eval"]),
        (["eval", "old/eval"], ["eval", "old/eval"]),
        (["runs/eval", "runs/eval/"], ["eval", "eval"]),
        (["/"], ["/"]),
    ],
)
def test_a_name_is_as_short_as_tells_the_run_from_the_others(urls: list[str], names: list[str]) -> None:
    assert run_names(urls) == dict(zip(urls, names, strict=True))


@given(st.lists(PLACES, unique=True, min_size=1, max_size=6))
def test_no_two_places_have_one_name_and_each_ends_with_its_own(urls: list[str]) -> None:
    names = run_names(urls)
    assert len(set(names.values())) == len(urls)
    assert all(f"/{url}".endswith(f"/{name}") for url, name in names.items())

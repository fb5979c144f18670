"""Names that annotation tools write, as paths below a source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.layouts.coco_names import canonical, relative_path, spellings_of


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.jpg", "a.jpg"),
        ("./a//b/./c.jpg", "a/b/c.jpg"),
        ("a b%20c.jpg", "a b%20c.jpg"),
        ("/a.jpg", ""),
        ("a/../b.jpg", ""),
        ("http://host/a.jpg", ""),
        ("s3://bucket/a.jpg", ""),
        ("", ""),
    ],
)
def test_a_path_below_a_folder_is_taken_as_it_stands_and_any_other_is_none(name: str, path: str) -> None:
    assert relative_path(name) == path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (r"images\a.jpg", "images/a.jpg"),
        (r"C:\Users\me\images\a.jpg", "Users/me/images/a.jpg"),
        (r"\\server\share\a.jpg", "server/share/a.jpg"),
        ("/home/me/images/a.jpg", "home/me/images/a.jpg"),
        ("../images/a.jpg", "images/a.jpg"),
        ("file:///home/me/a.jpg", "home/me/a.jpg"),
        ("https://host/bucket/a.jpg?X-Amz-Signature=1#x", "bucket/a.jpg"),
        ("s3://bucket/images/a.jpg", "images/a.jpg"),
        ("/data/local-files/?d=images/a.jpg", "images/a.jpg"),
        ("http://localhost:8080/data/local-files/?d=images/a.jpg&x=1", "images/a.jpg"),
        ("/data/upload/1/ab12cd34-a.jpg", "data/upload/1/ab12cd34-a.jpg"),
        ("a.jpg", "a.jpg"),
    ],
)
def test_what_tools_write_becomes_folders_and_a_name(name: str, path: str) -> None:
    assert "/".join(next(spellings_of(name)).parts) == path


def test_a_name_is_decoded_and_freed_of_label_studios_prefix_only_after_it_was_taken_as_it_is() -> None:
    found = ["/".join(spelling.parts) for spelling in spellings_of("/data/upload/1/ab12-a%20b.jpg")]
    upload = "data/upload/1"
    assert found == [
        f"{upload}/ab12-a%20b.jpg",
        f"{upload}/ab12-a b.jpg",
        f"{upload}/a%20b.jpg",
        f"{upload}/a b.jpg",
    ]


@given(name=st.text(min_size=1))
def test_no_name_leaves_the_source(name: str) -> None:
    for spelling in spellings_of(name):
        assert spelling.parts
        assert name.strip("./\\") == "" or ".." not in spelling.parts
    assert ".." not in relative_path(name).split("/")
    assert not relative_path(name).startswith("/")


def test_case_composition_and_usual_suffixes_make_no_difference_in_the_end() -> None:
    assert canonical("Cafe\u0301.JPG") == canonical("caf\u00e9.jpeg")
    assert canonical("a.jpg") != canonical("a.png")

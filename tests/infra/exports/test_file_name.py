"""Names of files: different for different keys, and safe wherever they are written."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.exports.file_name import (
    MAX_PART_BYTES,
    image_path,
    object_path,
    part_of_id,
    path_of_key,
    without_suffix,
)

# what escapes are made of, and what they are for, so that near misses are drawn often
KEYS = st.text(st.sampled_from("ab~2E7./ -:#\\%\x85\u2028\ud800üé") | st.characters(), max_size=12)
LONG = "x" * 300


@given(KEYS, KEYS)
@example(".", "~2E")
@example("~2E", "~7E2E")
@example("", "~")
@example("a//b", "a/~/b")
@example(LONG + "a", LONG + "b")
@example("con", "~63on")
def test_different_keys_have_different_paths(one: str, other: str) -> None:
    assert (path_of_key(one) == path_of_key(other)) == (one == other)
    assert (part_of_id(one) == part_of_id(other)) == (one == other)
    assert (image_path(one, "png") == image_path(other, "png")) == (one == other)


@given(KEYS, st.sampled_from(["png", "jpg"]))
@example("a.b", "png")
@example("", "png")
def test_the_suffix_comes_off_again(key: str, extension: str) -> None:
    assert without_suffix(image_path(key, extension)) == path_of_key(key)


@given(KEYS)
@example("/etc/passwd")
@example("../../up")
@example("C:\\windows")
@example(LONG)
@example("ü" * 150)
@example("NUL .txt/lpt¹/COM1")
@example("a\nb")
def test_every_part_is_one_that_any_disk_takes(key: str) -> None:
    for part in [*path_of_key(key).split("/"), part_of_id(key)]:
        assert part not in {"", ".", ".."}
        assert len(part.encode()) <= MAX_PART_BYTES
        assert not re.search(r'[\x00-\x1f<>:"|?*\\%#]', part)
        assert part[-1] not in ". "
        assert part[0] not in ".- "
        assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d) *(\..*)?", part)
        assert part.splitlines() == [part]


@given(st.lists(KEYS, min_size=2, max_size=2, unique=True), KEYS, KEYS)
@example(["a", "a/b.png"], "b", "1")
@example(["a", "a.png/b"], "1", "1")
def test_no_file_is_where_another_has_a_folder(keys: list[str], object_id: str, other_id: str) -> None:
    for paths in (
        [image_path(key, "png") for key in keys],
        [object_path(key, name, "png") for key, name in zip(keys, (object_id, other_id), strict=True)],
    ):
        one, other = paths
        assert one != other
        assert not one.startswith(f"{other}/") and not other.startswith(f"{one}/")


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("train/cat 1", "train/cat 1"),
        ("v1.0/photo.final", "v1.0/photo.final"),
        ("日本/ü", "日本/ü"),
        ("a.png/b", "a~2Epng/b"),
        ("..", "~2E~2E"),
        ("50%", "50~25"),
    ],
)
def test_ordinary_keys_stay_as_they_are(key: str, path: str) -> None:
    assert path_of_key(key) == path


def test_an_id_is_one_part() -> None:
    assert part_of_id("a/b") == "a~2Fb"

"""Names of files: different for different keys, and safe wherever they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.exports.file_name import (
    MAX_PART_BYTES,
    DistinctPaths,
    object_paths,
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


@given(KEYS, st.sampled_from(["png", "jpg"]))
@example("a.b", "png")
@example("", "png")
def test_the_suffix_comes_off_again(key: str, extension: str) -> None:
    assert without_suffix(f"{path_of_key(key)}.{extension}") == path_of_key(key)


# what a disk may take for one: capitals, accents in one character or two, characters with several capitals
ALIKE = st.text(st.sampled_from("aAåÅéÉe\u0301ß\u1e9eſsSKkıIi\u212b.~/") | st.characters(), max_size=6)
DISKS: list[Callable[[str], str]] = [
    str,
    str.lower,
    str.upper,
    str.casefold,
    lambda path: unicodedata.normalize("NFC", path),
    lambda path: unicodedata.normalize("NFD", path),
    lambda path: unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold()),
    lambda path: unicodedata.normalize("NFC", path).upper(),
    lambda path: "".join(part if len(part.upper()) > 1 else part.upper() for part in path),
]


@given(st.lists(ALIKE, max_size=6))
@example(["A", "a"])
@example(["train/IMG", "Train/img", "TRAIN/IMG"])
@example(["\u00e9", "e\u0301", "E\u0301", "\u00c9"])
@example(["a", "a", "a"])
@example([LONG + "A", LONG.upper() + "A", LONG + "a"])
def test_no_disk_takes_two_paths_for_one(keys: list[str]) -> None:
    of_keys, of_ids = DistinctPaths(), DistinctPaths()
    for paths in ([of_keys.of_key(key) for key in keys], [of_ids.of_id(key) for key in keys]):
        for as_disk in DISKS:
            assert len({as_disk(path) for path in paths}) == len(keys)
        assert all(len(part.encode()) <= MAX_PART_BYTES for path in paths for part in path.split("/"))


def test_no_disk_takes_any_two_characters_for_one() -> None:
    characters = [chr(code) for code in range(0xD800)] + [chr(code) for code in range(0xE000, 0x1F000)]
    cased = [one for one in characters if len({as_disk(one) for as_disk in DISKS}) > 1]
    paths = DistinctPaths()
    found = [paths.of_key(one) for one in cased]
    assert len(found) > 2_000
    for as_disk in DISKS:
        assert len({as_disk(path) for path in found}) == len(found)


def test_the_first_of_paths_that_are_alike_keeps_its_name_and_another_gets_a_hash() -> None:
    paths = DistinctPaths()
    assert [paths.of_key(key) for key in ("train/IMG 1", "train/img 2")] == ["train/IMG 1", "train/img 2"]
    assert re.fullmatch("Train/img 1~~[0-9a-f]{32}", paths.of_key("Train/img 1"))
    assert DistinctPaths().of_key("Train/img 1") == "Train/img 1"


def test_files_of_objects_lie_in_a_folder_of_their_image() -> None:
    assert object_paths("b.png/a.jpg", ["1", "x/y"], "png") == ["b.png/a/1.png", "b.png/a/x~2Fy.png"]
    first, second = object_paths("a.png.png", ["A", "a"], "png")
    assert (first, second[:11]) == ("a~2Epng/A.png", "a~2Epng/a~~")


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
    images = [f"{path_of_key(key)}.png" for key in keys]
    objects = [
        object_paths(image, [name], "png")[0]
        for image, name in zip(images, (object_id, other_id), strict=True)
    ]
    for one, other in (images, objects):
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

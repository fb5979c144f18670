"""Images of a run by what other programs call them."""

from __future__ import annotations

import pytest

from infra.errors import LabelImportError
from infra.exports.file_name import DistinctPaths
from infra.imports.known_images import KnownImage, KnownImages

KEYS = ["a", "b/c", "x/d", "y/d", "e.f", "..", "ü/日本", "a b"]


def images(*keys: str) -> KnownImages:
    return KnownImages(KnownImage(key, 6, 8) for key in keys or KEYS)


def found(name: str, *keys: str) -> str | None:
    image = images(*keys).find("", name, "here")
    return None if image is None else image.key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a.png", "a"),
        ("images/a.PNG", "a"),
        ("a", "a"),
        ("b/c.jpeg", "b/c"),
        ("c.jpeg", "b/c"),
        ("s3://bucket/photos/b/c.jpeg", "b/c"),
        ("C:\\photos\\b\\c.jpeg", "b/c"),
        ("/data/upload/3/0f1e2d3c-a.png", "a"),
        ("/data/local-files/?d=photos/b/c.png", "b/c"),
        ("x/d.png", "x/d"),
        ("z/y/d.png", "y/d"),
        ("e.f.png", "e.f"),
        ("e.f", "e.f"),
        ("~2E~2E.png", ".."),
        ("u\u0308/日本.png", "ü/日本"),
        ("a%20b.png", "a b"),
        ("g.png", None),
        ("c/b.png", None),
    ],
)
def test_an_image_is_found_by_the_name_that_exports_give_it(name: str, key: str | None) -> None:
    assert found(name) == key


def test_the_second_of_two_keys_that_a_disk_takes_for_one_is_found_by_its_hash() -> None:
    paths = DistinctPaths()
    first, second = paths.of_key("A"), paths.of_key("a")
    assert "~~" in second
    assert (found(f"{first}.png", "A", "a"), found(f"{second}.png", "A", "a")) == ("A", "a")


@pytest.mark.parametrize(("name", "keys"), [("d.png", KEYS), ("ü.png", ["ü", "u\u0308"])])
def test_a_name_that_may_mean_several_images_is_refused(name: str, keys: list[str]) -> None:
    with pytest.raises(
        LabelImportError, match=r"^here: the image .* may be that of 2 samples \(.*export again"
    ):
        found(name, *keys)


def test_a_key_that_the_run_lacks_is_not_looked_for_by_name() -> None:
    known = images()
    assert known.find("other", "a.png", "here") is None
    assert (list(known.unknown), known.named) == (["other"], set())

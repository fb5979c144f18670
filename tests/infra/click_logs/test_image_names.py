"""From the names of images to keys."""

from __future__ import annotations

import pytest

from infra.click_logs.image_names import key_of_image


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a.jpg", "a"),
        ("a.b.JPEG", "a.b"),
        ("v1.2", "v1.2"),
        ("cats/a.png", "cats/a"),
        ("images/cats/a.png", "cats/a"),
        ("data/cats/a.png", "cats/a"),
        ("VOC/JPEGImages/a.jpg", "a"),
        ("cats\\images\\a.png", "a"),
        ("C:\\photos\\a.png", "a"),
        ("/home/kim/photos/a.png", "a"),
        ("/home/kim/images/cats/a.png", "cats/a"),
        ("../a.png", "a"),
        ("https://example.org/x/a%20b.png?v=2", "a b"),
        ("s3://bucket/images/x/a.png", "x/a"),
        ("a%20b.png", "a%20b"),
        ("cafe\u0301.png", "caf\u00e9"),
    ],
)
def test_a_name_gives_the_key_of_its_sample(name: str, key: str) -> None:
    assert key_of_image(name) == key

"""CVAT's XML for images as a click log."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.click_logs.click_log import ClickLog
from infra.errors import ClickLogError
from tests.infra.click_logs.written_logs import clicks_of, read

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>7</id>
      <name>cats</name>
      <labels><label><name>cat</name><type>points</type><attributes>
        <attribute><name>kind</name><values>positive\nnegative</values></attribute>
      </attributes></label></labels>
    </task>
  </meta>
"""


def exported(tmp_path: Path, images: str, head: str = HEAD) -> ClickLog:
    (tmp_path / "annotations.xml").write_text(f"{head}{images}\n</annotations>\n", encoding="utf-8")
    return read(str(tmp_path / "annotations.xml"))


def image(points: str, name: str = "cats/a.jpg") -> str:
    return f'  <image id="0" name="{name}" width="640" height="480">\n{points}\n  </image>\n'


def points(at: str, label: str = "cat", more: str = "", inside: str = "") -> str:
    return f'    <points label="{label}" source="manual" occluded="0" points="{at}" z_order="0"{more}>{inside}</points>'


def test_points_are_clicks_in_pixels_in_the_order_of_the_file(tmp_path: Path) -> None:
    log = exported(
        tmp_path, image(points("10.25,20;30,40.5") + points("1,2")) + image(points("5,6"), "ü.png")
    )
    assert clicks_of(log) == {
        ("cats/a", "cat"): [(20, 10.25, True), (40.5, 30, True), (2, 1, True)],
        ("ü", "cat"): [(6, 5, True)],
    }
    assert log.units == "pixels"


@pytest.mark.parametrize(
    ("label", "inside", "is_foreground"),
    [
        ("cat", '<attribute name="kind">negative</attribute>', False),
        ("cat", '\n<attribute name="kind">\nNegative\n</attribute>\n', False),
        ("cat", '<attribute name="negative">true</attribute>', False),
        ("cat", '<attribute name="is_background">1</attribute>', False),
        ("cat", '<attribute name="positive">false</attribute>', False),
        ("cat", '<attribute name="is_foreground">0</attribute>', False),
        ("cat", '<attribute name="kind">positive</attribute>', True),
        ("cat", '<attribute name="negative">false</attribute>', True),
        ("cat", '<attribute name="occluded">false</attribute>', True),
        ("cat", '<attribute name="count">0</attribute>', True),
        ("Background", "", False),
        ("neg", '<attribute name="occluded">true</attribute>', False),
    ],
)
def test_labels_and_attributes_say_the_kind(
    tmp_path: Path, label: str, inside: str, is_foreground: bool
) -> None:
    log = exported(tmp_path, image(points("9,9") + points("1,2", label, inside=inside)))
    assert clicks_of(log) == {("cats/a", "cat"): [(9, 9, True), (2, 1, is_foreground)]}


def test_a_group_is_an_object(tmp_path: Path) -> None:
    shapes = [
        points("1,1", more=' group_id="3"'),
        points("2,2", "background", more=' group_id="3"'),
        points("3,3", more=' group_id="0"'),
    ]
    assert clicks_of(exported(tmp_path, image("".join(shapes)))) == {
        ("cats/a", "3"): [(1, 1, True), (2, 2, False)],
        ("cats/a", "cat"): [(3, 3, True)],
    }


def test_a_click_on_the_far_edge_is_on_the_last_pixel(tmp_path: Path) -> None:
    log = exported(tmp_path, image(points("640,480;639.9,0;640.5,1")))
    assert clicks_of(log) == {("cats/a", "cat"): [(479, 639, True), (0, 639.9, True), (1, 640.5, True)]}


def test_images_may_lie_deeper_in_the_file(tmp_path: Path) -> None:
    nested = f"<job><part>{image(points('1,2'))}</part></job>"
    assert clicks_of(exported(tmp_path, nested)) == {("cats/a", "cat"): [(2, 1, True)]}


def test_other_shapes_and_skeletons_are_left_out_and_told(tmp_path: Path) -> None:
    others = '<box label="cat" xtl="1"/><skeleton label="cat"><points label="eye" points="1,1"/></skeleton>'
    log = exported(tmp_path, image(others + points("1,2")) + image('<box label="dog"/>', "b.jpg"))
    assert clicks_of(log) == {("cats/a", "cat"): [(2, 1, True)]}
    assert [notice.split("annotations.xml: ")[1] for notice in log.notices] == [
        "2 <box> are no points and left out",
        "1 <skeleton> are no points and left out",
    ]


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY x "boom">]>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://example.org/a.dtd">',
    ],
)
def test_no_entity_is_expanded_and_no_other_file_opened(tmp_path: Path, declaration: str) -> None:
    with pytest.raises(ClickLogError, match=r"annotations\.xml line 1 declares a document type") as caught:
        exported(tmp_path, image(points("1,1", "&x;")), f"{declaration}\n<annotations>\n")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (image(points("1")), r"line 15: '1' is no point: it must be x,y, both finite numbers"),
        (image(points("1,2;")), r"line 15: '' is no point"),
        (image(points("1,b")), r"line 15: '1,b' is no point"),
        (image(points("nan,1")), r"line 15: 'nan,1' is no point"),
        (image(points("1,2"), ""), r"line 14: an <image> without a name"),
        (
            image(points("1,2")) + image(points("1,2")),
            r"line 17: image 'cats/a.jpg' was there before, at line 14: export each image once",
        ),
        (
            image(points("1,2") + "\n" + points("1,2", "dog") + "\n" + points("3,3", "bg")),
            r"line 17: a point of image 'cats/a.jpg' says only background, .* 2 objects \('cat', 'dog'\): group it",
        ),
        (
            image(points("1,2"), "a.jpg") + image(points("1,2"), "a.png"),
            "'a.jpg' and 'a.png', which are both",
        ),
        ("<image>", r"line 14: an <image> without a name"),
        ('<track id="0"><points frame="0" points="1,1"/></track>', "has no <image>: .* not for video"),
        (image(points("1,1")) + "<open>", r"line 18 is no XML \(mismatched tag\)"),
        (image(""), "no clicks"),
    ],
)
def test_what_is_no_point_or_leaves_something_open_is_named_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ClickLogError, match=message) as caught:
        exported(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\x00\x01", b"<a/>", b'<?xml version="1.0" encoding="nope"?><a/>'])
def test_what_is_no_xml_is_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.xml").write_bytes(data)
    with pytest.raises(ClickLogError, match=r"a\.xml ") as caught:
        read(str(tmp_path / "a.xml"))
    assert "\n" not in str(caught.value)

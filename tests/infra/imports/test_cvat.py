"""CVAT for images 1.1 as corrected labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from infra import rle
from infra.errors import LabelImportError
from infra.imports.labelled_image import LabelledImage
from tests.infra.imports.programs import images_a_and_b, read, read_text
from tests.infra.sample_factory import rectangle

# As CVAT 2 writes the annotations of a task whose labels are those of an export: it has kept the attributes of the
# shapes, and not the sample_key of the images.
WRITTEN_BY_CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>7</id>
      <name>corrections</name>
      <size>2</size>
      <mode>annotation</mode>
      <overlap>0</overlap>
      <bugtracker></bugtracker>
      <created>2026-11-29 09:12:01.123456+00:00</created>
      <updated>2026-11-29 10:02:44.654321+00:00</updated>
      <subset>default</subset>
      <start_frame>0</start_frame>
      <stop_frame>1</stop_frame>
      <labels>
        <label>
          <name>cat</name>
          <color>#c06060</color>
          <type>mask</type>
          <attributes>
            <attribute>
              <name>object_id</name>
              <mutable>False</mutable>
              <input_type>text</input_type>
              <default_value></default_value>
              <values></values>
            </attribute>
          </attributes>
        </label>
      </labels>
    </task>
    <dumped>2026-11-29 10:05:00.000000+00:00</dumped>
  </meta>
  <image id="0" name="a.png" width="8" height="6">
    <mask label="cat" source="manual" occluded="0" rle="0, 3, 1, 2" left="2" top="1" width="3" height="2" z_order="0">
      <attribute name="object_id">1</attribute>
      <attribute name="quality">0.75</attribute>
    </mask>
    <polygon label="cat" source="manual" occluded="0" points="1.00,3.00;5.00,3.00;5.00,6.00;1.00,6.00" z_order="0">
      <attribute name="object_id"></attribute>
    </polygon>
    <box label="cat" source="manual" occluded="0" xtl="1.0" ytl="1.0" xbr="3.0" ybr="3.0" z_order="0">
      <attribute name="object_id">9</attribute>
    </box>
    <tag label="cat" source="manual">
    </tag>
  </image>
  <image id="1" name="folder/b.png" width="8" height="6">
  </image>
</annotations>
"""


def one_shape(tmp_path: Path, shape: str, size: str = 'width="8" height="6"') -> LabelledImage:
    text = f'<annotations><image id="0" name="a.png" {size}>{shape}</image></annotations>'
    return read_text(tmp_path / "annotations.xml", text)["a"]


def mask(runs: str, more: str = 'left="2" top="1" width="3" height="2"') -> str:
    return f'<mask label="cat" rle="{runs}" {more}></mask>'


def test_masks_and_polygons_come_with_their_ids_and_labels_and_the_rest_is_told(tmp_path: Path) -> None:
    (tmp_path / "annotations.xml").write_text(WRITTEN_BY_CVAT)
    known = images_a_and_b()
    labels = read(tmp_path / "annotations.xml", known)
    first, second = labels.images["a"].shapes
    expected = np.zeros((6, 8), bool)
    expected[1, 2:5] = expected[2, 3:5] = True
    assert (first.object_id, first.category, first.is_polygon) == ("1", "cat", False)
    assert np.array_equal(rle.decode(first.rle, 6, 8), expected)
    assert (second.object_id, second.is_polygon) == ("", True)
    assert np.array_equal(rle.decode(second.rle, 6, 8), rectangle(6, 8, slice(3, 6), slice(1, 5)))
    assert labels.images["folder/b"].shapes == ()
    assert labels.left_out == {"<box> of CVAT, which are no masks": 1, "<tag> of CVAT, which are no masks": 1}
    assert known.named == {"a", "folder/b"}


def test_polygons_are_rasterised_as_pycocotools_does(tmp_path: Path) -> None:
    image = one_shape(tmp_path, '<polygon label="cat" points="0.5,0.5;6.7,1.2;3.3,5.9"></polygon>')
    rings: Any = [[0.5, 0.5, 6.7, 1.2, 3.3, 5.9]]
    (encoded,) = coco_mask.frPyObjects(rings, 6, 8)
    assert image.shapes[0].rle == encoded["counts"]


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        (mask("1, 1"), r"its runs add up to 2 pixels, and its box has 2 x 3"),
        (mask("0, 3, -1, 4"), r"' -1' is no length of a run"),
        (mask("0, 3, x"), r"' x' is no length of a run"),
        (mask(""), r"'' is no length of a run"),
        (mask("9" * 5000), r"'999.*\.\.\. is no length of a run"),
        (
            mask("0, 12", 'left="6" top="1" width="3" height="4"'),
            r"its box \(6, 1, 3, 4\) reaches out of 6 x 8",
        ),
        (
            mask("1, 1", 'left="1e3" top="1" width="3" height="4"'),
            r"left is '1e3': it must be a whole number",
        ),
        (
            mask("1, 1", f'left="0" top="0" width="{10**9}" height="{10**9}"'),
            r"width is '1000000000': it must be a whole number",
        ),
        ('<polygon points="1,1;nan,2;3,3"></polygon>', r"coordinates that are no finite numbers"),
        ('<polygon points="1,1;inf,2;3,3"></polygon>', r"coordinates that are no finite numbers"),
        ('<polygon points="1,1;2;3,3"></polygon>', r"'2' is no point: it must be x,y"),
        ('<polygon points="1,1;2,2"></polygon>', r"fewer than three points"),
        ('<polygon points="1,1;2,1e300;3,3"></polygon>', r"coordinates far outside the image"),
        (
            f'<polygon points="{";".join(["0,0", "8,6", "0,6"] * 200)}"></polygon>',
            r"a ring 44\d\d pixels long, which no mask of 6 x 8 pixels has",
        ),
        ("<polygon></polygon>", r"'' is no point"),
    ],
)
def test_a_shape_that_is_no_mask_of_its_image_is_one_line_that_says_where(
    tmp_path: Path, shape: str, told: str
) -> None:
    with pytest.raises(LabelImportError, match=rf"annotations\.xml line 1.*{told}") as caught:
        one_shape(tmp_path, shape)
    assert "\n" not in str(caught.value)


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelImportError, match=r"'a\.png' has 8 x 6 pixels, and sample 'a' of the run 6 x 8"):
        one_shape(tmp_path, "", 'width="6" height="8"')


def test_a_mask_that_was_emptied_has_no_pixel(tmp_path: Path) -> None:
    for shape in (mask("6"), mask("0", 'left="0" top="0" width="0" height="0"')):
        (found,) = one_shape(tmp_path, shape).shapes
        assert rle.area(found.rle, 6, 8) == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]><annotations>&c;</annotations>',
            "line 1 declares a document type, which CVAT never writes",
        ),
        (
            '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotations>&b;</annotations>',
            "line 1 declares a document type",
        ),
        ("<annotations><image", "line 1 is no XML"),
        ('<annotations><image id="0"></image></annotations>', "an <image> without a name"),
        ("<annotations><track></track></annotations>", "has no <image>.* not for video"),
        ('<?xml version="1.0" encoding="none"?><a></a>', "is no XML"),
        (
            '<annotations><image name="a.png" width="8" height="6"></image>\n'
            '<image name="x/a.jpg" width="8" height="6"></image></annotations>',
            "line 2 is another entry of the image of sample 'a', beside .* line 1: export each image once",
        ),
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(LabelImportError, match=told):
        read_text(tmp_path / "annotations.xml", text)

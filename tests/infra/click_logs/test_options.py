"""Options of click logs that cannot be meant are refused in one line."""

from __future__ import annotations

import pytest

from infra.click_logs.click_log import LoggedClick
from infra.click_logs.options import ClickLogOptions, ClickUnits
from tests.infra.click_logs.written_logs import read_text


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("image",), "click column 'image': write OURS=THEIRS"),
        (("=image",), "click column '=image': write OURS=THEIRS"),
        (("sample_key=",), "click column 'sample_key=': write OURS=THEIRS"),
        ((5,), "click column 5: write OURS=THEIRS"),
        (("image=sample_key",), "click column 'image=sample_key': 'image' is none of sample_key, object_id"),
        (("x=px", "x=py"), "click column 'x=py': x was named before"),
    ],
)
def test_a_column_that_cannot_be_meant_is_refused(columns: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        ClickLogOptions(columns=columns)
    assert "\n" not in str(caught.value)


def test_a_name_may_hold_any_letters() -> None:
    options = ClickLogOptions(columns=("x=point=x (px)", "sample_key=Bild Nr."))
    assert [options.theirs(name) for name in ("x", "sample_key", "y")] == ["point=x (px)", "Bild Nr.", "y"]


@pytest.mark.parametrize(
    ("units", "y", "x", "pixel"),
    [
        ("pixels", 0.5, 640, (0.5, 640)),
        ("normalised", 0.5, 0.25, (240, 160)),
        ("normalised", 0, 1, (0, 639)),
        ("normalised", 1 - 2**-53, 1.0, (480 * (1 - 2**-53), 639)),
        ("normalised", 1.01, -0.5, (1.01 * 480, -320)),
        ("percent", 50, 25, (240, 160)),
        ("percent", 100, 100, (479, 639)),
        ("percent", 100.5, -1, (100.5 / 100 * 480, -0.01 * 640)),
    ],
)
def test_a_click_is_put_on_the_pixels_of_its_image(
    tmp_path_factory: pytest.TempPathFactory,
    units: ClickUnits,
    y: float,
    x: float,
    pixel: tuple[float, float],
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.csv"
    log = read_text(path, "sample_key,object_id,click_idx,y,x,is_foreground\na,1,0,1,1,1\n")
    object.__setattr__(log, "units", units)
    assert log.in_pixels(LoggedClick("a", "1", 0, y, x, True, 0), 480, 640) == pixel

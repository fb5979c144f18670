"""Options are read strictly, and a wrong one says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.click_models.isegm_options import AUTHORS, IsegmOptions, parse_options, zoom_words
from mfp.errors import ModelError


def parsed(**options: str) -> IsegmOptions:
    return parse_options({"checkpoint": "/weights/last.pth", **options})


def test_all_but_the_checkpoint_has_a_default() -> None:
    options = parsed()
    assert options == IsegmOptions(checkpoint=Path("/weights/last.pth"))
    assert (options.mode, options.threshold, options.zoom, options.flip) == ("NoBRS", 0.49, AUTHORS, AUTHORS)


def test_every_option_is_read() -> None:
    assert parsed(
        mode="f-BRS-B",
        zoom="448x672",
        skip_clicks="-1",
        flip="off",
        threshold="0.5",
        infer_size="384",
        focus_crop_r="1.2",
        eval_ritm="on",
        image="normalised",
        mean="0.5,0.4,0",
        std="1,0.5,2e-1",
    ) == IsegmOptions(
        checkpoint=Path("/weights/last.pth"),
        mode="f-BRS-B",
        zoom=(448, 672),
        skip_clicks=-1,
        flip=False,
        threshold=0.5,
        infer_size=384,
        focus_crop_r=1.2,
        eval_ritm=True,
        is_normalised=True,
        mean=(0.5, 0.4, 0.0),
        std=(1.0, 0.5, 0.2),
    )


def test_what_is_left_to_the_authors_can_be_said() -> None:
    names = ("zoom", "skip_clicks", "flip", "infer_size", "focus_crop_r")
    assert parsed(**dict.fromkeys(names, "authors")) == parsed()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("checkpoint", ""),
        ("mode", ""),
        ("mode", " NoBRS"),
        ("zoom", "0"),
        ("zoom", "15"),
        ("zoom", "4097"),
        ("zoom", "400.0"),
        ("zoom", "400x"),
        ("zoom", "400X400"),
        ("zoom", "1x2x3"),
        ("zoom", "448x448x448"),
        ("zoom", "Off"),
        ("skip_clicks", "-2"),
        ("skip_clicks", "1e1"),
        ("flip", "yes"),
        ("threshold", "0"),
        ("threshold", "1"),
        ("threshold", "nan"),
        ("threshold", "0,49"),
        ("threshold", "0_1"),
        ("infer_size", "off"),
        ("focus_crop_r", "0.9"),
        ("focus_crop_r", "inf"),
        ("eval_ritm", "authors"),
        ("image", "float"),
        ("mean", "0.5,0.5"),
        ("mean", "0.5,0.5,nan"),
        ("std", "0.2,0.2,0"),
        ("std", "0.2 0.2 0.2"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused_with_an_example(name: str, text: str) -> None:
    image = {"image": "normalised"} if name in {"mean", "std"} else {}
    with pytest.raises(ModelError) as raised:
        parsed(**{**image, name: text})
    message = str(raised.value)
    assert message.startswith(f"isegm option {name}={text}: must be ")
    assert f"; for example {name}=" in message
    assert "\n" not in message


def test_an_unknown_option_is_told_the_known_ones() -> None:
    with pytest.raises(ModelError) as raised:
        parsed(treshold="0.5")
    assert str(raised.value) == (
        "isegm has no option 'treshold': it has checkpoint, mode, zoom, skip_clicks, flip, threshold, infer_size, "
        "focus_crop_r, eval_ritm, image, mean, std; correct the name"
    )


def test_a_checkpoint_must_be_named() -> None:
    with pytest.raises(ModelError, match="give --model-option checkpoint="):
        parse_options({})


def test_a_mean_is_for_normalised_images() -> None:
    with pytest.raises(ModelError, match="it is for image=normalised; add that, or leave it out"):
        parsed(mean="0.5,0.5,0.5")


def test_a_pair_zooms_from_the_first_click_on_as_in_the_authors_scripts() -> None:
    assert zoom_words((448, 448), AUTHORS) == {"skip_clicks": -1, "target_size": (448, 448)}
    assert zoom_words(400, AUTHORS) == {"target_size": 400}
    assert zoom_words((448, 448), 1) == {"skip_clicks": 1, "target_size": (448, 448)}
    assert zoom_words("off", AUTHORS) is None

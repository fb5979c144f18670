"""A clone over the port clicks as its authors' evaluation does."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actors.click_models.isegm import isegm
from mfp.click_model import SessionModel, SessionTurn
from mfp.clicks import Click
from mfp.errors import ModelError
from tests.actors.click_models.authors_loop import (
    assert_same,
    clicked_by_authors,
    clicked_over_the_port,
    photographs,
)
from tests.actors.click_models.stand_in_clones import (
    clone_of,
    loaded,
    write_checkpoint,
    write_clone,
)
from tests.actors.click_models.stand_in_sources import Family


@pytest.mark.parametrize(
    ("family", "options", "mode", "words"),
    [
        (Family.RITM, {"zoom": "48"}, "NoBRS", {"zoom_in_params": {"target_size": 48}}),
        (
            Family.RITM,
            {"zoom": "48x40", "flip": "off"},
            "NoBRS",
            {"zoom_in_params": {"skip_clicks": -1, "target_size": (48, 40)}, "with_flip": False},
        ),
        (
            Family.RITM,
            {"zoom": "off", "threshold": "0.6"},
            "NoBRS",
            {"zoom_in_params": None, "threshold": 0.6},
        ),
        (
            Family.RITM,
            {"zoom": "64", "skip_clicks": "3"},
            "NoBRS",
            {"zoom_in_params": {"skip_clicks": 3, "target_size": 64}},
        ),
        (
            Family.FBRS,
            {"zoom": "48", "image": "normalised"},
            "NoBRS",
            {"zoom_in_params": {"target_size": 48}},
        ),
        (
            Family.FBRS,
            {"zoom": "48", "image": "normalised", "mode": "f-BRS-B", "threshold": "0.6"},
            "f-BRS-B",
            {"zoom_in_params": {"target_size": 48}, "threshold": 0.6},
        ),
        (
            Family.CLICKSEG,
            {"zoom": "48", "mode": "FocalClick", "infer_size": "32", "focus_crop_r": "1.2"},
            "FocalClick",
            {"zoom_in_params": {"target_size": 48}, "infer_size": 32, "focus_crop_r": 1.2},
        ),
        (
            Family.CLICKSEG,
            {"zoom": "off", "mode": "CDNet", "infer_size": "48", "flip": "on"},
            "CDNet",
            {"zoom_in_params": None, "infer_size": 48, "with_flip": True},
        ),
        (
            Family.EMC,
            {"mode": "EMC-Click", "zoom": "64"},
            "EMC-Click",
            {"zoom_in_params": {"target_size": 64}},
        ),
        (Family.EMC, {"mode": "EMC-Click"}, "EMC-Click", {"zoom_in_params": {"target_size": 384}}),
        (
            Family.SIMPLECLICK,
            {"zoom": "96x96"},
            "NoBRS",
            {
                "zoom_in_params": {"skip_clicks": -1, "target_size": (96, 96)},
                "load_words": {"eval_ritm": False},
            },
        ),
        (
            Family.SIMPLECLICK,
            {},
            "NoBRS",
            {
                "zoom_in_params": {"skip_clicks": -1, "target_size": (448, 448)},
                "load_words": {"eval_ritm": False},
            },
        ),
    ],
)
def test_interleaved_sessions_click_as_the_authors_evaluation_does(
    family: Family, options: dict[str, str], mode: str, words: dict[str, Any], tmp_path: Path
) -> None:
    root, checkpoint = clone_of(family, tmp_path)
    model = isegm(str(root), checkpoint=str(checkpoint), **options)
    ours = clicked_over_the_port(model, photographs())
    theirs = clicked_by_authors(root, checkpoint, photographs(), mode, **words)
    # f-BRS: the normalised image is a tensor of ours, and may differ in its last bit
    assert_same(ours, theirs, tolerance=1e-5 if family is Family.FBRS else 0.0)
    assert min(len(done.clicks) for done in ours) > 1
    assert all(len(set(done.ious)) > 1 for done in ours)


def test_what_a_session_yields_does_not_depend_on_the_sessions_beside_it(tmp_path: Path) -> None:
    model = loaded(Family.EMC, tmp_path, mode="EMC-Click", zoom="48")
    photos = photographs()
    assert_same(
        clicked_over_the_port(model, photos), [clicked_over_the_port(model, [photo])[0] for photo in photos]
    )


def test_a_checkpoint_of_several_networks_has_one_for_every_click(tmp_path: Path) -> None:
    root = write_clone(tmp_path / "clone", Family.RITM)
    checkpoint = write_checkpoint(root, Family.RITM, tmp_path / "stages.pth", seeds=(0, 1, 2))
    model = isegm(str(root), checkpoint=str(checkpoint), zoom="48")
    ours = clicked_over_the_port(model, photographs())
    assert_same(
        ours,
        clicked_by_authors(root, checkpoint, photographs(), "NoBRS", zoom_in_params={"target_size": 48}),
    )


def test_sessions_of_one_image_share_what_is_prepared_of_it(tmp_path: Path) -> None:
    model = loaded(Family.FBRS, tmp_path, image="normalised", zoom="48")
    photo = photographs()[0]
    shared = model.prepare(photo.image)
    before = shared.clone()
    for _ in range(2):
        model.predict([SessionTurn(model.begin(photo.image, shared), [Click(20, 50, True)])])
    assert torch.equal(shared, before)


def test_a_read_only_image_makes_no_warning(tmp_path: Path) -> None:
    model = loaded(Family.RITM, tmp_path, zoom="48")
    image = photographs()[0].image
    image.flags.writeable = False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.begin(image, model.prepare(image))
    assert [str(warning.message) for warning in caught] == []


def test_a_click_between_pixels_counts_for_the_pixel_it_falls_on(tmp_path: Path) -> None:
    model = loaded(Family.RITM, tmp_path, zoom="48")
    image = photographs()[0].image
    shared = model.prepare(image)
    maps = [
        model.predict([SessionTurn(model.begin(image, shared), [click])])[0]
        for click in (Click(20.9, 50.2, True), Click(20, 50, True))
    ]
    assert np.array_equal(maps[0], maps[1])


@pytest.mark.parametrize(
    ("family", "options"),
    [
        (Family.RITM, {"zoom": "48", "skip_clicks": "0"}),
        (Family.CLICKSEG, {"zoom": "48", "infer_size": "32"}),
        (Family.EMC, {"mode": "EMC-Click", "zoom": "48"}),
    ],
)
def test_a_session_starts_from_a_mask(family: Family, options: dict[str, str], tmp_path: Path) -> None:
    model = loaded(family, tmp_path, **options)
    assert model.traits.starts_from_mask
    photo = photographs()[0]
    shared = model.prepare(photo.image)
    click = Click(2, 2, False)
    mask = (photo.truth == 1).astype(np.float32)
    with torch.no_grad():
        (from_mask,) = model.predict([SessionTurn(model.begin_from_mask(photo.image, shared, mask), [click])])
        (from_nothing,) = model.predict([SessionTurn(model.begin(photo.image, shared), [click])])
        (empty,) = model.predict(
            [SessionTurn(model.begin_from_mask(photo.image, shared, np.zeros_like(mask)), [click])]
        )
    inside = photo.truth == 1
    assert (from_mask[inside].mean() - from_nothing[inside].mean()) > 0.1
    assert np.array_equal(empty, from_nothing)


def test_a_predictor_without_a_map_before_starts_from_nothing(tmp_path: Path) -> None:
    model = loaded(Family.FBRS, tmp_path, image="normalised", zoom="48")
    assert not model.traits.starts_from_mask
    image = photographs()[0].image
    with pytest.raises(ModelError, match="cannot start from a mask; start from nothing"):
        model.begin_from_mask(image, model.prepare(image), np.zeros(image.shape[:2], dtype=np.float32))


def test_a_model_says_what_it_is(tmp_path: Path) -> None:
    model = loaded(Family.RITM, tmp_path, threshold="0.5")
    assert isinstance(model, SessionModel)
    assert model.max_sessions == 1
    assert model.for_inference(torch.device("cpu")) is model
    assert model.traits.name == "isegm NoBRS last.pth"
    assert model.traits.threshold == 0.5
    assert model.traits.is_deterministic
    assert re.fullmatch("[0-9a-f]{16}", model.traits.identity)

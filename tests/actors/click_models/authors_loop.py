"""Sessions as the authors of the `isegm` family evaluate them, and the same sessions over our port."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mfp.click_model import Image, SessionModel, SessionTurn
from mfp.clicks import Click
from mfp.metrics import iou
from mfp.users.protocol_user import next_click

Prob = npt.NDArray[np.float32]
Truth = npt.NDArray[np.int8]


@dataclass
class Clicked:
    """What a session has come to: after click i the map is `probs[i]` and its IoU `ious[i]`."""

    clicks: list[Click] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    probs: list[Prob] = field(default_factory=list)


@dataclass(frozen=True)
class Photograph:
    """An image and the truth of one object of it."""

    image: Image
    truth: Truth


def photographs() -> list[Photograph]:
    """Three objects on two images of different sizes, with pixels that do not count."""
    return [
        _photograph(60, 80, seed=1, row=25, column=50, radius=16),
        _photograph(60, 80, seed=1, row=40, column=20, radius=11),
        _photograph(72, 50, seed=2, row=36, column=25, radius=18),
    ]


def _photograph(height: int, width: int, seed: int, row: int, column: int, radius: int) -> Photograph:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    away = np.hypot(rows - row, columns - column)
    image = rng.integers(60, 140, (height, width, 3))
    image[(rows // 12 + columns // 12) % 2 == 0] += 40
    image[away < radius, 0] += 60
    truth = (away < radius).astype(np.int8)
    truth[(away >= radius) & (away < radius + 1)] = -1
    return Photograph(image.clip(0, 255).astype(np.uint8), truth)


MAX_CLICKS, TARGET = 6, 0.97


def clicked_by_authors(
    root: Path,
    checkpoint: Path,
    photos: Sequence[Photograph],
    mode: str,
    threshold: float = 0.49,
    load_words: Mapping[str, Any] | None = None,
    **predictor_words: Any,
) -> list[Clicked]:
    """One predictor, one session after the other; the clone has been imported."""
    inference = [
        importlib.import_module(f"isegm.inference.{name}") for name in ("utils", "predictors", "clicker")
    ]
    utils, predictors, clickers = inference
    content = torch.load(checkpoint, map_location="cpu", weights_only=False)
    net = utils.load_is_model(content, torch.device("cpu"), **(load_words or {}))
    if load_words == {"eval_ritm": False}:
        positions = importlib.import_module("isegm.model.modeling.pos_embed")
        size = predictor_words["zoom_in_params"]["target_size"]
        positions.interpolate_pos_embed_inference(net.backbone, size, torch.device("cpu"))
    predictor = predictors.get_predictor(
        net, mode, torch.device("cpu"), prob_thresh=threshold, **predictor_words
    )
    finished = []
    for photo in photos:
        done = Clicked()
        mask = np.zeros(photo.truth.shape, dtype=bool)
        clicker = clickers.Clicker()
        with torch.no_grad():
            predictor.set_input_image(network_input(photo.image, predictor))
            while len(done.clicks) < MAX_CLICKS:
                click = next_click(photo.truth, mask, done.clicks)
                assert isinstance(click, Click)
                clicker.add_click(clickers.Click(click.is_foreground, (int(click.y), int(click.x))))
                prob = predictor.get_prediction(clicker)
                mask = prob > threshold
                if _noted(done, click, prob, mask, photo.truth) >= TARGET:
                    break
        finished.append(done)
    return finished


def network_input(image: Image, predictor: Any) -> Any:
    """f-BRS takes what its data set has normalised."""
    if hasattr(predictor, "prev_prediction"):
        return image
    tensor = torch.from_numpy(image).permute(2, 0, 1).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((tensor - mean[:, None, None]) / std[:, None, None]).contiguous()


def clicked_over_the_port(model: SessionModel, photos: Sequence[Photograph]) -> list[Clicked]:
    """All sessions at once, in turns of one click."""
    with torch.no_grad():
        states = [model.begin(photo.image, model.prepare(photo.image)) for photo in photos]
        sessions = [Clicked() for _ in photos]
        masks = [np.zeros(photo.truth.shape, dtype=bool) for photo in photos]
        going = set(range(len(photos)))
        while going:
            for i in sorted(going):
                done, truth = sessions[i], photos[i].truth
                click = next_click(truth, masks[i], done.clicks)
                assert isinstance(click, Click)
                (prob,) = model.predict([SessionTurn(states[i], [*done.clicks, click])])
                masks[i] = prob > model.traits.threshold
                if _noted(done, click, prob, masks[i], truth) >= TARGET or len(done.clicks) == MAX_CLICKS:
                    going.remove(i)
    return sessions


def _noted(done: Clicked, click: Click, prob: Prob, mask: npt.NDArray[np.bool_], truth: Truth) -> float:
    value = iou(mask, truth)
    assert value is not None
    done.clicks.append(click)
    done.probs.append(prob)
    done.ious.append(value)
    return value


def assert_same(ours: Sequence[Clicked], theirs: Sequence[Clicked], tolerance: float = 0.0) -> None:
    """The same clicks, IoUs and maps."""
    assert [done.clicks for done in ours] == [done.clicks for done in theirs]
    assert [done.ious for done in ours] == [done.ious for done in theirs]
    for our, their in zip(ours, theirs, strict=True):
        for prob, expected in zip(our.probs, their.probs, strict=True):
            assert prob.dtype == np.float32
            assert float(np.abs(prob - expected).max()) <= tolerance

"""The options of an `isegm` model: text from the command line, read strictly."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from mfp.errors import ModelError

Authors: TypeAlias = Literal["authors"]
AUTHORS: Authors = "authors"
"""The value of an option that is left to the authors' code, or to the script with which they evaluate."""

Off: TypeAlias = Literal["off"]
ZoomSize: TypeAlias = int | tuple[int, int]
Channels: TypeAlias = tuple[float, float, float]

# ImageNet's, with which f-BRS normalises
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_SIZES = range(16, 4097)


@dataclass(frozen=True, kw_only=True)
class IsegmOptions:
    """How a model of a clone is run. All fields but `checkpoint` decide results by their value.

    Attributes:
        checkpoint: the file of the weights.
        mode: of the clone's `get_predictor`.
        zoom: what a zoomed region is resized to: the longer side or (height, width), in pixels; off: no zoom.
        skip_clicks: how many clicks go by before the zoom begins.
        flip: the mirrored image is predicted too, and the mean is taken.
        threshold: a pixel belongs to the object if its probability is larger.
        infer_size: side in pixels of what the network of ClickSEG and GPCIS sees.
        focus_crop_r: by how much FocalClick enlarges the region that it refines.
        eval_ritm: SimpleClick and MFP ask for it: the network is convolutional.
        is_normalised: the predictor takes a normalised tensor (f-BRS) and not a uint8 image.
        mean, std: of the normalisation, for RGB in [0, 1].
    """

    checkpoint: Path
    mode: str = "NoBRS"
    zoom: ZoomSize | Off | Authors = AUTHORS
    skip_clicks: int | Authors = AUTHORS
    flip: bool | Authors = AUTHORS
    threshold: float = 0.49
    infer_size: int | Authors = AUTHORS
    focus_crop_r: float | Authors = AUTHORS
    eval_ritm: bool = False
    is_normalised: bool = False
    mean: Channels = _MEAN
    std: Channels = _STD

    def decisive(self) -> str:
        """All that decides results beside the code and the weights, as JSON."""
        values = asdict(self)
        del values["checkpoint"]
        return json.dumps(values, sort_keys=True)


# By option: the rule, and an example of what follows it.
_RULES = {
    "checkpoint": ("the path of a file", "/path/last.pth"),
    "mode": ("a mode of the clone's get_predictor", "NoBRS"),
    "zoom": ("a side or HxW of 16 to 4096 pixels each, off, or authors", "448x448"),
    "skip_clicks": ("a whole number from -1 to 100, or authors", "-1"),
    "flip": ("on, off, or authors", "on"),
    "threshold": ("a number above 0 and below 1", "0.49"),
    "infer_size": ("a whole number from 16 to 4096, or authors", "256"),
    "focus_crop_r": ("a number from 1 to 10, or authors", "1.4"),
    "eval_ritm": ("on or off", "on"),
    "image": ("uint8 or normalised", "normalised"),
    "mean": ("three numbers with commas between them", "0.485,0.456,0.406"),
    "std": ("three numbers above 0 with commas between them", "0.229,0.224,0.225"),
}


def parse_options(options: Mapping[str, str]) -> IsegmOptions:
    """The options that a user gave by their names.

    Raises:
        ModelError: an option is unknown, missing, or breaks its rule.

    """
    for name in options:
        if name not in _RULES:
            raise ModelError(f"isegm has no option {name!r}: it has {', '.join(_RULES)}; correct the name")
    if "checkpoint" not in options:
        raise ModelError("isegm needs the weights: give --model-option checkpoint=/path/last.pth")
    given = _Given(options)
    is_normalised = given.read("image", _word({"uint8": False, "normalised": True}), False)
    for name in ("mean", "std"):
        if name in options and not is_normalised:
            raise ModelError(
                f"isegm option {name}={options[name]}: it is for image=normalised; add that, or leave it out"
            )
    return IsegmOptions(
        checkpoint=given.read("checkpoint", _path, Path()),
        mode=given.read("mode", _filled, IsegmOptions.mode),
        zoom=given.read("zoom", _zoom, IsegmOptions.zoom),
        skip_clicks=given.read("skip_clicks", _authors_or(_whole(range(-1, 101))), IsegmOptions.skip_clicks),
        flip=given.read("flip", _authors_or(_word(_SWITCH)), IsegmOptions.flip),
        threshold=given.read("threshold", _between_0_and_1, IsegmOptions.threshold),
        infer_size=given.read("infer_size", _authors_or(_whole(_SIZES)), IsegmOptions.infer_size),
        focus_crop_r=given.read("focus_crop_r", _authors_or(_ratio), IsegmOptions.focus_crop_r),
        eval_ritm=given.read("eval_ritm", _word(_SWITCH), IsegmOptions.eval_ritm),
        is_normalised=is_normalised,
        mean=given.read("mean", _channels, IsegmOptions.mean),
        std=given.read("std", _positive_channels, IsegmOptions.std),
    )


_T = TypeVar("_T")
_SWITCH = {"on": True, "off": False}


@dataclass(frozen=True)
class _Given:
    """The texts by their options."""

    texts: Mapping[str, str]

    def read(self, name: str, reader: Callable[[str], _T], default: _T) -> _T:
        """The value of an option; `reader` raises ValueError if its text breaks the rule."""
        if name not in self.texts:
            return default
        try:
            return reader(self.texts[name])
        except ValueError:
            rule, example = _RULES[name]
            raise ModelError(
                f"isegm option {name}={self.texts[name]}: must be {rule}; for example {name}={example}"
            ) from None


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError


def _filled(text: str) -> str:
    _require(text != "" and text == text.strip() and text.isprintable())
    return text


def _path(text: str) -> Path:
    _require(text != "" and "\0" not in text)
    return Path(text).expanduser()


def _word(words: Mapping[str, bool]) -> Callable[[str], bool]:
    def read(text: str) -> bool:
        _require(text in words)
        return words[text]

    return read


def _whole(allowed: range) -> Callable[[str], int]:
    def read(text: str) -> int:
        _require(re.fullmatch(r"-?[0-9]{1,9}", text) is not None and int(text) in allowed)
        return int(text)

    return read


def _authors_or(reader: Callable[[str], _T]) -> Callable[[str], _T | Authors]:
    return lambda text: AUTHORS if text == AUTHORS else reader(text)


def _number(text: str) -> float:
    number = float(text)
    _require(math.isfinite(number) and re.fullmatch(r"[-+.eE0-9]+", text) is not None)
    return number


def _between_0_and_1(text: str) -> float:
    number = _number(text)
    _require(0 < number < 1)
    return number


def _ratio(text: str) -> float:
    number = _number(text)
    _require(1 <= number <= 10)
    return number


def _channels(text: str) -> Channels:
    red, green, blue = (_number(part) for part in text.split(","))
    return red, green, blue


def _positive_channels(text: str) -> Channels:
    channels = _channels(text)
    _require(min(channels) > 0)
    return channels


def _zoom(text: str) -> ZoomSize | Off | Authors:
    if text == "off":
        return "off"
    if text == AUTHORS:
        return AUTHORS
    side = _whole(_SIZES)
    if "x" not in text:
        return side(text)
    height, width = (side(part) for part in text.split("x"))
    return height, width


def zoom_words(zoom: ZoomSize | Off, skip_clicks: int | Authors) -> dict[str, Any] | None:
    """The `zoom_in_params` of `get_predictor`; None switches the zoom off.

    For a pair the authors' scripts begin to zoom with the first click; for one side the clone decides.
    """
    if zoom == "off":
        return None
    if skip_clicks == AUTHORS:
        skipped = {"skip_clicks": -1} if isinstance(zoom, tuple) else {}
    else:
        skipped = {"skip_clicks": skip_clicks}
    return {**skipped, "target_size": zoom}

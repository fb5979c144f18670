"""Holds a click model against its port, so that whoever writes one learns in a minute what it does not keep.

check = check_model(MyModel())
assert check.holds, check.broken
"""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mfp.click_model import ClickModel, CropModel, ModelTraits, SessionModel
from mfp.engine import runner_of
from mfp.engine_settings import EngineSettings
from mfp.errors import ClickModelError, ImageSizeError
from mfp.process_state import ProcessState
from mfp.runner import Runner
from mfp.scripted_play import (
    Passes,
    Played,
    one_after_the_other,
    play,
    script_from_mask,
    script_on_one_pixel,
    script_without_object,
    three_scripts,
)
from mfp.watched_model import Watch, WatchedCropModel, WatchedSessionModel

TOLERANCE = 1e-4
"""Most that a probability may move with the neighbours: kernels of some processors round by the number of rows."""

_STAGGERED: Passes = [[0], [1, 0], [2, 1, 0], [2, 1], [2]]


class Promise(StrEnum):
    """What a click model promises."""

    TRAITS = "traits"
    """Name and identity are not empty, the threshold lies in [0, 1], sizes are positive, nothing of it changes."""
    FORM = "shape and type of answers"
    """They are what the port says."""
    VALUES = "values of answers"
    """Logits are finite; probabilities lie in [0, 1]."""
    SAME_AGAIN = "same again"
    """The same clicks give the same maps, bit for bit."""
    NEIGHBOURS = "neighbours"
    """A map depends on no other session of the call and on no order, within TOLERANCE."""
    INTERLEAVED = "interleaved"
    """Two sessions on an image, clicked in turn, get the maps that they get one after the other, bit for bit."""
    ONE_PIXEL = "one-pixel image"
    """It has answers like any other, or a session model refuses its size (ImageSizeError)."""
    UNIFORM = "uniform image"
    """An image of one colour, with nothing to find, has answers like any other."""
    START = "start from a mask"
    """A model whose traits say `starts_from_mask` answers to a click on a mask that was given, the same again."""
    GLOBAL_STATE = "global state"
    """A call leaves what belongs to the process as it was: see ProcessState."""
    INPUTS = "inputs"
    """A call leaves the images and maps that it is given as they were."""


@dataclass(frozen=True)
class CheckedPromise:
    """A promise, whether it was kept, and what was seen, in one line."""

    name: Promise
    holds: bool
    detail: str


@dataclass(frozen=True)
class ModelCheck:
    """What came of a check.

    Attributes:
        model: the name in its traits.
        promises: all of them, in the order of `Promise`.
        seconds_per_click: median, of one session at a time with the engine's usual settings; NaN without an answer.
    """

    model: str
    promises: tuple[CheckedPromise, ...]
    seconds_per_click: float

    @property
    def broken(self) -> tuple[CheckedPromise, ...]:
        """The promises that were not kept, or could not be tried."""
        return tuple(one for one in self.promises if not one.holds)

    @property
    def holds(self) -> bool:
        """Whether all were kept."""
        return not self.broken


def check_model(model: ClickModel, device: str = "cpu") -> ModelCheck:
    """Try a model on small images with clicks that are written down: some 40 calls. The process is left as it was.

    Args:
        model: of either kind; it is put on the device in its form for inference.
        device: a torch device, such as `cpu` or `cuda`.

    Raises:
        ClickModelError: the object is no click model.
    """
    watch = Watch()
    watched: WatchedCropModel | WatchedSessionModel
    if isinstance(model, CropModel):
        watched = WatchedCropModel(model, watch)
    elif isinstance(model, SessionModel):
        watched = WatchedSessionModel(model, watch)
    else:
        raise ClickModelError(
            f"{type(model).__name__} has the members neither of CropModel nor of SessionModel"
        )
    process = ProcessState.now()
    with warnings.catch_warnings():
        try:
            return _Check(watched, watch, device).result()
        finally:
            process.restore()
            process.restore_random()


class _Check:
    """One check under way."""

    def __init__(self, model: WatchedCropModel | WatchedSessionModel, watch: Watch, device: str) -> None:
        self._model = model
        self._watch = watch
        self._device = device
        self._seconds: list[float] = []
        self._found: dict[Promise, CheckedPromise] = {}

    def result(self) -> ModelCheck:
        self._note(Promise.TRAITS, "; ".join(_faults_of_traits(self._model)), "as they should be")
        self._answers()
        self._note(Promise.GLOBAL_STATE, _changed(self._watch.changed_state), "left alone")
        self._note(Promise.INPUTS, _changed(self._watch.changed_inputs), "left alone")
        for promise in Promise:
            if promise not in self._found:
                self._note(promise, "not tried, for want of answers that can be used", "")
        return ModelCheck(
            str(getattr(self._model.traits, "name", "")),
            tuple(self._found[promise] for promise in Promise),
            statistics.median(self._seconds) if self._seconds else math.nan,
        )

    def _note(self, promise: Promise, fault: str, otherwise: str) -> None:
        self._found[promise] = CheckedPromise(promise, not fault, fault or otherwise)

    def _answers(self) -> None:
        scripts = three_scripts()
        try:
            runner = runner_of(self._model, EngineSettings(batch_size=len(scripts)), self._device)
            alone = play(runner, scripts, one_after_the_other(scripts))
        except (Exception, SystemExit) as error:  # whatever a model raises is a finding
            if self._watch.wrong_values:
                self._note(Promise.FORM, "", "as the port says")
                self._note(Promise.VALUES, self._watch.wrong_values, "")
            else:
                self._note(Promise.FORM, _line(error), "")
            return
        self._seconds = alone.seconds
        self._note(Promise.FORM, "", "as the port says")
        self._note(Promise.VALUES, "", "finite and in range")
        again = one_after_the_other(scripts)
        self._compare(Promise.SAME_AGAIN, runner, alone, again, tolerance=0.0)
        self._compare(Promise.NEIGHBOURS, runner, alone, self._mixed(again), tolerance=TOLERANCE)
        self._interleave(runner, alone)
        self._start(runner)
        for promise, script in (
            (Promise.ONE_PIXEL, script_on_one_pixel()),
            (Promise.UNIFORM, script_without_object()),
        ):
            try:
                play(runner, [script], one_after_the_other([script]))
                self._note(promise, "", "answered")
            except ImageSizeError as error:
                is_honest = promise is Promise.ONE_PIXEL and isinstance(self._model, WatchedSessionModel)
                self._note(promise, "" if is_honest else _line(error), f"refused: {error}")
            except (Exception, SystemExit) as error:
                self._note(promise, _line(error), "")

    def _start(self, runner: Runner[Any, Any]) -> None:
        """From a mask the answers have the right form, and the same clicks give the same maps."""
        traits = self._model.traits
        if not traits.starts_from_mask:
            self._note(Promise.START, "", "not promised")
            return
        if not self._found[Promise.TRAITS].holds:
            self._note(Promise.START, "", "not asked: the traits are wrong")
            return
        script = script_from_mask()
        passes = one_after_the_other([script])
        try:
            once, again = play(runner, [script], passes), play(runner, [script], passes)
        except (Exception, SystemExit) as error:
            self._note(Promise.START, _line(error), "")
            return
        difference = once.largest_difference(again) if traits.is_deterministic else 0.0
        fault = f"probabilities differ by up to {difference:.1e} when done again" if difference else ""
        self._note(Promise.START, fault, "answered")

    def _interleave(self, runner: Runner[Any, Any], alone: Played) -> None:
        both = Played(alone.maps[:2], [])
        self._compare(Promise.INTERLEAVED, runner, both, [[0], [1]] * len(both.maps[0]), tolerance=0.0)

    def _compare(
        self, promise: Promise, runner: Runner[Any, Any], alone: Played, passes: Passes, *, tolerance: float
    ) -> None:
        if not self._model.traits.is_deterministic:
            self._note(promise, "", "not asked: the model says that it is not deterministic")
            return
        try:
            played = play(runner, three_scripts()[: len(alone.maps)], passes)
        except (Exception, SystemExit) as error:
            self._note(promise, _line(error), "")
            return
        difference = played.largest_difference(alone)
        fault = f"probabilities differ by up to {difference:.1e}" if difference > tolerance else ""
        self._note(promise, fault, f"probabilities differ by {difference:.1e}")

    def _mixed(self, alone: Passes) -> Passes:
        """Fresh sessions beside running ones, as many in a call as the model takes; else the other order."""
        if isinstance(self._model, WatchedCropModel):
            return _STAGGERED
        most = self._model.max_sessions
        if most == 1:
            return list(reversed(alone))
        return [
            members[start : start + most] for members in _STAGGERED for start in range(0, len(members), most)
        ]


def _faults_of_traits(model: WatchedCropModel | WatchedSessionModel) -> Iterator[str]:
    traits: object = model.traits
    if not isinstance(traits, ModelTraits):
        yield f"traits are a {type(traits).__name__}: must be ModelTraits"
        return
    for name, text in (("name", traits.name), ("identity", traits.identity)):
        if not isinstance(text, str) or not text.strip():
            yield f"{name} {text!r}: must be a text that is not empty"
    if not 0 <= traits.threshold <= 1:
        yield f"threshold {traits.threshold}: must lie in [0, 1]"
    if model.traits != traits:
        yield "they differ when asked again"
    sizes = (
        {"zoom_size": model.zoom_size}
        if isinstance(model, WatchedCropModel)
        else {"max_sessions": model.max_sessions}
    )
    for name, size in sizes.items():
        if not isinstance(size, int) or size < 1:
            yield f"{name} {size!r}: must be a whole number from 1 on"


def _changed(what: dict[str, None]) -> str:
    return f"changed: {', '.join(what)}" if what else ""


def _line(error: BaseException) -> str:
    text = str(error) if isinstance(error, ClickModelError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split()) or type(error).__name__

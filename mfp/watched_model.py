"""Click models under observation: what they answer, and what they change that is not theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mfp.answers import check_logits_form, check_logits_values, check_map_values, check_maps_form
from mfp.click_model import (
    CropBatch,
    CropModel,
    Image,
    MaskStartingModel,
    ModelTraits,
    SessionModel,
    SessionTurn,
)
from mfp.errors import ClickModelError
from mfp.process_state import ProcessState
from mfp.runner import lacks_begin_from_mask

P = ParamSpec("P")
ResultT = TypeVar("ResultT")
ModelT = TypeVar("ModelT", CropModel, SessionModel)


@dataclass
class Watch:
    """What was seen.

    Attributes:
        changed_state: "torch's default dtype in predict" and the like, without repetition.
        changed_inputs: "image in prepare" and the like, without repetition.
        wrong_values: the line on the first answer of the right form with numbers that cannot be used; "" without one.
    """

    changed_state: dict[str, None] = field(default_factory=dict)
    changed_inputs: dict[str, None] = field(default_factory=dict)
    wrong_values: str = ""

    def called(
        self,
        call: str,
        inputs: dict[str, Tensor | npt.NDArray[Any]],
        function: Callable[P, ResultT],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> ResultT:
        """Make a call and note what it changed; what disturbs other calls is put back."""
        process = ProcessState.now()
        before = {name: torch.as_tensor(value).clone() for name, value in inputs.items()}
        try:
            return function(*args, **kwargs)
        finally:
            self.changed_state |= dict.fromkeys(f"{what} in {call}" for what in process.changes())
            process.restore()
            self.changed_inputs |= dict.fromkeys(
                f"{name} in {call}"
                for name, value in inputs.items()
                if not torch.equal(torch.as_tensor(value), before[name])
            )

    def check_values(self, check: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Check numbers and note what is wrong with them, beside raising it."""
        try:
            check(*args, **kwargs)
        except ClickModelError as error:
            self.wrong_values = self.wrong_values or str(error)
            raise


class _Watched(Generic[ModelT]):
    """What models of both kinds have."""

    def __init__(self, model: ModelT, watch: Watch) -> None:
        self._model: ModelT = model
        self._watch = watch

    @property
    def traits(self) -> ModelTraits:
        """See CropModel and SessionModel."""
        return self._model.traits

    def for_inference(self, device: torch.device) -> Self:
        """See CropModel and SessionModel."""
        model = self._watch.called("for_inference", {}, self._model.for_inference, device)
        return type(self)(model, self._watch)

    def prepare(self, image: Any) -> Any:
        """See CropModel and SessionModel."""
        return self._watch.called("prepare", {"image": image}, self._model.prepare, image)


class WatchedCropModel(_Watched[CropModel]):
    """A crop model and its watch."""

    @property
    def zoom_size(self) -> int:
        """See CropModel."""
        return self._model.zoom_size

    @property
    def prepares(self) -> bool:
        """See CropModel."""
        return self._model.prepares

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        """See CropModel."""
        return self._watch.called("crop_size", {}, self._model.crop_size, height, width, zoom_size)

    def predict(self, batch: CropBatch) -> Tensor:
        """See CropModel."""
        inputs: dict[str, Tensor | npt.NDArray[Any]] = {"image": batch.image, "prob": batch.prob}
        logits = self._watch.called("predict", inputs, self._model.predict, batch)
        check_logits_form(self.traits.name, logits, batch.image)
        self._watch.check_values(check_logits_values, self.traits.name, logits)
        return logits


@dataclass(frozen=True, eq=False)
class _WatchedState:
    """A state of the model, and the image it is about."""

    state: Any
    image: Image


class WatchedSessionModel(_Watched[SessionModel]):
    """A session model and its watch."""

    @property
    def max_sessions(self) -> int:
        """See SessionModel."""
        return self._model.max_sessions

    def begin(self, image: Image, shared: Any) -> Any:
        """See SessionModel."""
        state = self._watch.called("begin", {"image": image}, self._model.begin, image, shared)
        return _WatchedState(state, image)

    def begin_from_mask(self, image: Image, shared: Any, prob: npt.NDArray[np.float32]) -> Any:
        """See MaskStartingModel."""
        if not isinstance(self._model, MaskStartingModel):
            raise lacks_begin_from_mask(self.traits)
        state = self._watch.called(
            "begin_from_mask",
            {"image": image, "prob": prob},
            self._model.begin_from_mask,
            image,
            shared,
            prob,
        )
        return _WatchedState(state, image)

    def predict(self, turns: Sequence[SessionTurn]) -> list[npt.NDArray[np.float32]]:
        """See SessionModel."""
        images = [turn.state.image for turn in turns]
        own = [SessionTurn(turn.state.state, turn.clicks) for turn in turns]
        inputs: dict[str, Tensor | npt.NDArray[Any]] = {
            f"image {idx}": image for idx, image in enumerate(images)
        }
        maps = self._watch.called("predict", inputs, self._model.predict, own)
        check_maps_form(self.traits.name, maps, images)
        for prob in maps:
            self._watch.check_values(check_map_values, self.traits.name, prob)
        return maps

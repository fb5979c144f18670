"""Which click model a run is done by, and how each worker comes by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from actors.click_models.plug_in import PlugIn
from actors.specs.model import Modulation
from mfp.click_model import ClickModel
from mfp.errors import ModelError


@dataclass(frozen=True)
class Formula:
    """The analytic click model, which has no weights."""


@dataclass(frozen=True)
class Weights:
    """The content of a model file."""

    data: bytes = field(repr=False)


ModelOrigin: TypeAlias = Formula | Weights | PlugIn


@dataclass(frozen=True)
class ModelRef:
    """A click model before it is built: all that a worker needs for it.

    Attributes:
        name: as a person gave it.
        identity: stands in every row that the model makes.
        origin: what it is built of.
        step: of the training run that it is from; None if it is from none.
    """

    name: str
    identity: str
    origin: ModelOrigin
    step: int | None = None

    def build(self, modulation: Modulation = "model") -> ClickModel:
        """The model, shown clicks as the run wants it.

        Raises:
            WeightsError: the bytes are no model.
            ModelError: a plug-in is not here, or is another one here; or the model takes no such modulation.

        """
        return self.modulated(self._build(), modulation)

    def modulated(self, model: ClickModel, modulation: Modulation) -> ClickModel:
        """The model that was built, shown clicks as the run wants it. ModelError if it takes no such modulation."""
        if modulation == "model":
            return model
        change = getattr(model, "with_modulation", None)
        try:
            if change is None:
                raise ModelError("it takes no modulated map")
            changed: ClickModel = change(modulation)
        except ModelError as error:
            raise ModelError(
                f"--modulation {modulation}: {self.name}: {error}; leave the option out"
            ) from None
        return changed

    def _build(self) -> ClickModel:
        if isinstance(self.origin, PlugIn):
            return self.origin.build(self.identity)
        if isinstance(self.origin, Formula):
            from mfp.models.analytic import AnalyticClickModel

            return AnalyticClickModel()
        # timm takes as long to import as everything else in a worker; the analytic model does without
        from mfp.model_file import model_from_bytes

        return model_from_bytes(self.origin.data).network

    @property
    def weights(self) -> bytes:
        """The content of its file. ModelError if it has none."""
        if not isinstance(self.origin, Weights):
            raise ModelError(f"model {self.name} has no model file: choose one that has")
        return self.origin.data

"""`mfp check-model`: any model that --model takes, held against what a click model promises."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from actors.specs.checked import checked
from actors.specs.reading import CheckModelSpec
from infra.json_text import JsonValue
from infra.storage.files import Storage
from mfp.model_check import ModelCheck, check_model
from pipelines.errors import OptionError
from pipelines.inputs.model_source import find_and_build
from pipelines.inputs.published_source import find_newest


@dataclass(frozen=True)
class CheckedModel:
    """What came of the check of a model.

    Attributes:
        name: as a person gave it.
        identity: what rows of the model carry.
        device: `cpu` or `cuda`.
        check: what was kept, and what was not.
    """

    name: str
    identity: str
    device: str
    check: ModelCheck

    def to_json(self) -> dict[str, JsonValue]:
        """For programs; a time that nobody measured is null."""
        seconds = self.check.seconds_per_click
        return {
            "model": self.name,
            "title": self.check.model,
            "identity": self.identity,
            "device": self.device,
            "holds": self.check.holds,
            "seconds_per_click": None if math.isnan(seconds) else seconds,
            "promises": [
                {"name": str(one.name), "holds": one.holds, "detail": one.detail}
                for one in self.check.promises
            ],
        }


def run_check_model(spec: CheckModelSpec) -> CheckedModel:
    """Find a model and try it on small images, in this process.

    Raises:
        OptionError: there is no GPU, or a training run has no model.
        MfpError: there is no such model, it cannot be built, its code is not trusted, or it is no click model.
        InfraError: a file cannot be read.

    """
    spec = checked(CheckModelSpec, spec)
    if spec.device == "cuda" and not torch.cuda.is_available():
        raise OptionError("--device cuda: no CUDA GPU on this machine; use --device cpu")
    choice, storage = spec.model.resolved(), Storage(spec.storage)
    if choice.training_run is not None:
        ref = find_newest(choice, choice.training_run, storage)
        model = ref.build()
    else:
        ref, model = find_and_build(choice, storage)
    return CheckedModel(spec.name, ref.identity, spec.device, check_model(model, spec.device))

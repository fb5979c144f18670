"""What decides how weights are learned, beside the data, the network and the seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch

from mfp.errors import TrainingError
from mfp.training.augment_settings import AugmentSettings
from mfp.training.schedule import Schedule, ScheduleName
from mfp.training.step import LossRounds, StepSettings

PrecisionName: TypeAlias = Literal["fp32", "bf16", "fp16"]
PrecisionChoice: TypeAlias = Literal["auto", "fp32", "bf16", "fp16"]
AUTO: Literal["auto"] = "auto"
_DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Recipe:
    """One training recipe; the files in pipelines/recipes say where each value comes from.

    Attributes:
        model: name of the network.
        crop_size: (height, width) of the training crop, pixels.
        batch_size: crops of a step, over all workers.
        accumulate: passes into which a worker splits its share of a step.
        steps: of the whole run.
        rate: learning rate.
        backbone_rate: factor on it for the backbone.
        betas: of Adam.
        weight_decay: of AdamW; 0 is Adam.
        clip: gradients are scaled down to this norm; 0 leaves them as they are.
        average: decay of the moving average of the weights, which is what is evaluated and published.
        schedule, warm_up, final_factor, step_at, step_factor, decay_steps: see Schedule.
        precision: of the passes with gradient. "auto": whatever is fastest where the run begins
            (actors.training.precision), bf16 or fp32.
        recursion_precision: of the passes without, likewise.
        modulated_map, late_fusion: parts of the network (see its configuration), which an ablation leaves out.
        recursive, loss_rounds, frozen_statistics: see the step.
        zoom_probability, zoom_margin, smallest_frame, resize, turn_probability, smallest_object: see AugmentSettings.
    """

    model: str
    crop_size: tuple[int, int]
    batch_size: int
    accumulate: int
    steps: int
    rate: float
    backbone_rate: float
    betas: tuple[float, float]
    weight_decay: float
    clip: float
    average: float
    schedule: ScheduleName
    warm_up: int
    final_factor: float
    step_at: tuple[int, ...]
    step_factor: float
    decay_steps: int
    precision: PrecisionChoice
    recursion_precision: PrecisionChoice
    modulated_map: bool
    late_fusion: bool
    recursive: bool
    loss_rounds: LossRounds
    frozen_statistics: bool
    zoom_probability: float
    zoom_margin: tuple[float, float]
    smallest_frame: int
    resize: tuple[float, float]
    turn_probability: float
    smallest_object: int

    def __post_init__(self) -> None:
        for name in ("batch_size", "accumulate", "steps", "smallest_object"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in ("warm_up", "decay_steps", "weight_decay", "clip", "smallest_frame"):
            self._check(name, 0 <= getattr(self, name) < float("inf"), "0 or more, and finite")
        for name in ("rate", "backbone_rate", "step_factor"):
            self._check(name, 0 < getattr(self, name) < float("inf"), "a number above 0")
        for name in ("final_factor", "zoom_probability", "turn_probability"):
            self._check(name, 0 <= getattr(self, name) <= 1, "between 0 and 1")
        self._check("average", 0 <= self.average < 1, "0 or more and below 1")
        self._check("betas", all(0 <= beta < 1 for beta in self.betas), "two numbers from 0 to below 1")
        self._check("crop_size", min(self.crop_size) >= 32, "32 pixels or more")
        self._check("step_at", all(step >= 0 for step in self.step_at), "steps, counted from 0")
        self._check(
            "step_at", self.step_at or self.schedule != "step", "the steps at which schedule 'step' falls"
        )
        self._check(
            "decay_steps", not self.decay_steps or self.schedule == "stable", "0 unless schedule is 'stable'"
        )
        for name in ("zoom_margin", "resize"):
            low, high = getattr(self, name)
            self._check(name, 0 < low <= high < float("inf"), "two numbers above 0, the smaller one first")

    def _check(self, name: str, is_met: object, rule: str) -> None:
        if not is_met:
            value = getattr(self, name)
            raise TrainingError(
                f"{name} = {list(value) if isinstance(value, tuple) else value}: must be {rule}"
            )

    def schedule_of_rate(self) -> Schedule:
        """The learning rate's factor over the steps."""
        return Schedule(
            self.schedule,
            self.steps,
            self.warm_up,
            self.final_factor,
            self.step_at,
            self.step_factor,
            self.decay_steps,
        )

    def step_settings(self) -> StepSettings:
        """How a step is made. The precisions are chosen: they are not "auto" any more."""
        return StepSettings(
            self.recursive,
            self.loss_rounds,
            _DTYPES[self.precision],
            _DTYPES[self.recursion_precision],
            self.frozen_statistics,
        )

    def augmentation(self) -> AugmentSettings:
        """Ranges of the views."""
        return AugmentSettings(
            crop_size=self.crop_size,
            zoom_probability=self.zoom_probability,
            zoom_margin=self.zoom_margin,
            smallest_frame=self.smallest_frame,
            resize=self.resize,
            turn_probability=self.turn_probability,
            smallest_object=self.smallest_object,
        )

"""What decides how weights are learned, beside the data, the network and the seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Gt, Interval, Unit
from typing_extensions import Doc

from mfp.setting import Effect
from mfp.training.augment_settings import AugmentSettings
from mfp.training.schedule import Schedule, ScheduleName

PrecisionName: TypeAlias = Literal["fp32", "bf16", "fp16"]
PrecisionChoice: TypeAlias = Literal["auto", "fp32", "bf16", "fp16"]
LossRounds: TypeAlias = Literal["last", "all"]
AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training recipe; the files in pipelines/recipes say where each value comes from.

    `name` is what the recipe was called by; its values decide.
    """

    name: Annotated[
        str,
        Effect.EXECUTION,
        Doc("Recipe by name (lite0, vit_b_sbd, vit_b_cocolvis, hrnet18, resnet34) or a .toml file."),
    ]
    model: Annotated[str, Doc("Architecture to train: lite0, vit_b, hrnet18 or resnet34.")]
    steps: Annotated[
        int, Ge(1), Unit("n"), Effect.EXECUTION, Doc("Steps in all, those before a checkpoint included.")
    ]
    crop_size: Annotated[
        tuple[int, int],
        Unit("pixels|hxw"),
        Doc("Training crop, a square or height x width; 32 pixels or more."),
    ]
    batch_size: Annotated[int, Ge(1), Doc("Crops in a step, over all workers.")]
    accumulate: Annotated[
        int, Ge(1), Doc("Passes into which a worker splits its share of a step, to save memory.")
    ]
    rate: Annotated[float, Gt(0), Unit("rate"), Doc("Learning rate.")]
    backbone_rate: Annotated[float, Gt(0), Unit("factor"), Doc("Factor on it for the backbone.")]
    betas: Annotated[tuple[float, float], Doc("Betas of Adam, each from 0 to below 1.")]
    weight_decay: Annotated[float, Ge(0), Doc("Weight decay of AdamW; 0 is Adam.")]
    clip: Annotated[float, Ge(0), Unit("norm"), Doc("Largest norm of a step's gradient; 0: no limit.")]
    average: Annotated[
        float,
        Interval(ge=0, lt=1),
        Unit("decay"),
        Doc("Decay of the moving average of the weights, which is evaluated and published; 0: none."),
    ]
    schedule: Annotated[
        ScheduleName,
        Doc(
            "Course of the learning rate. A stable run can be made longer again and again, and ended by --decay-steps."
        ),
    ]
    warm_up: Annotated[int, Ge(0), Unit("steps"), Doc("Steps over which the learning rate grows.")]
    final_factor: Annotated[
        float, Interval(ge=0, le=1), Doc("Factor on the learning rate at the end of cosine and of a decay.")
    ]
    step_at: Annotated[tuple[int, ...], Unit("steps"), Doc("Steps at which schedule step falls, from 0.")]
    step_factor: Annotated[float, Gt(0), Doc("Factor on the learning rate at each of them.")]
    decay_steps: Annotated[
        int,
        Ge(0),
        Unit("steps"),
        Effect.EXECUTION,
        Doc("Last steps of a stable schedule, over which the learning rate falls."),
    ]
    precision: Annotated[
        PrecisionChoice,
        Doc("Arithmetic of the passes with gradient. auto: bf16 if a timed pass is faster here, else fp32."),
    ]
    recursion_precision: Annotated[
        PrecisionChoice, Doc("Arithmetic of the passes without gradient, likewise.")
    ]
    modulated_map: Annotated[bool, Doc("Show the network the modulated map beside the previous one.")]
    late_fusion: Annotated[bool, Doc("Show the network its maps once more before the head.")]
    recursive: Annotated[
        bool,
        Doc("Clicks answer the model's own predictions over up to 24 rounds, or are drawn from the truth."),
    ]
    loss_rounds: Annotated[LossRounds, Doc("The loss is that of the last round, or the mean over all.")]
    frozen_statistics: Annotated[
        bool,
        Doc("Batch norms keep the statistics of --init: for going on from a trained model on few images."),
    ]
    zoom_probability: Annotated[
        float,
        Interval(ge=0, le=1),
        Doc("Probability of a view that is framed around the object, as zoom-in frames it."),
    ]
    zoom_margin: Annotated[
        tuple[float, float], Doc("Smallest and largest side of such a frame, in longest sides of the object.")
    ]
    smallest_frame: Annotated[
        int, Ge(0), Unit("pixels"), Doc("Pixels of the image that such a frame spans at least.")
    ]
    resize: Annotated[tuple[float, float], Doc("Smallest and largest scale of the other views.")]
    turn_probability: Annotated[
        float, Interval(ge=0, le=1), Doc("Probability of a rotation by 90, 180 or 270 degrees.")
    ]
    smallest_object: Annotated[
        int, Ge(1), Unit("pixels"), Doc("Smaller objects are drawn again, and not trained on.")
    ]

    def __post_init__(self) -> None:
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
            raise ValueError(f"{name} = {list(value) if isinstance(value, tuple) else value}: must be {rule}")

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

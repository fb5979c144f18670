"""Where the stages of a flywheel lie in its directory.

flywheel.json            what was asked for
start.safetensors        the model it begins with
evaluation/before        that model on the evaluation set; evaluation/after: the last one
round-01/training        a training run, on what was given and on what the rounds before have selected
round-01/labels          beside it: a part of the unlabelled shards, clicked by the models which that run publishes
round-01/selected        those of its masks that are good enough, as training shards
round-01/selection.json  their numbers
closing/training         the last training run: all that was selected
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from infra.storage.files import join


@dataclass(frozen=True)
class FlywheelDirectory:
    """The directory at `url`; rounds are counted from 1."""

    url: str

    @property
    def start_model(self) -> str:
        """The model file that the first training run starts from."""
        return join(self.url, "start.safetensors")

    @property
    def closing(self) -> str:
        """The last training run."""
        return join(self.url, "closing", "training")

    def evaluation(self, when: Literal["before", "after"]) -> str:
        """The run that evaluates the first model, or the last one."""
        return join(self.url, "evaluation", when)

    def training(self, number: int) -> str:
        """The training run of a round."""
        return self._of_round(number, "training")

    def labels(self, number: int) -> str:
        """The run that labels a round's shards."""
        return self._of_round(number, "labels")

    def selected(self, number: int) -> str:
        """The data set that a round selects."""
        return self._of_round(number, "selected")

    def selection(self, number: int) -> str:
        """The numbers of that selection; written last, so it ends the labelling of a round."""
        return self._of_round(number, "selection.json")

    def _of_round(self, number: int, name: str) -> str:
        return join(self.url, f"round-{number:02d}", name)

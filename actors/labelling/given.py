"""What is given of the objects of a run beside images and true masks: clicks, starts, the annotators' last masks."""

from __future__ import annotations

from dataclasses import dataclass

from actors.labelling.kept_rows import NOTHING_KEPT, KeptObjects
from actors.specs.clicks import BoxCentre, Simulated
from actors.specs.start import StartsFromDamage, StartsFromNothing
from infra.click_logs.click_log import ClickLog
from infra.starts.starts import GivenBox, GivenMask, Starts


@dataclass(frozen=True)
class Given:
    """The same for every worker of a run; Ray keeps one copy on a node.

    Attributes:
        clicks: who clicks.
        starts: what objects start from.
        final_masks: the annotators' own last masks; None if there are none.
        kept: rows of another run that are taken over instead of being made.
    """

    clicks: ClickLog | Simulated | BoxCentre = Simulated()
    starts: Starts | StartsFromNothing | StartsFromDamage = StartsFromNothing()
    final_masks: Starts | None = None
    kept: KeptObjects = NOTHING_KEPT

    @property
    def needs_truth(self) -> bool:
        """Whether an object without a true mask cannot be clicked."""
        return isinstance(self.clicks, Simulated)

    @property
    def takes_every_mask(self) -> bool:
        """Whether every object with a true mask is clicked; else only those that a log or a start lists are."""
        return isinstance(self.clicks, Simulated) and not isinstance(self.starts, Starts)

    def listed(self, sample_key: str) -> list[str]:
        """The objects of a sample that are to be clicked, in no order that means anything.

        A mask that nobody has clicked on is a finished one, and stays in the run. A box that nobody has clicked on says
        nothing, unless the clicks are made in the boxes.
        """
        starts = self.starts_of(sample_key)
        if not isinstance(self.clicks, ClickLog):
            return list(starts)
        logged = self.clicks.objects_of(sample_key)
        has_masks = isinstance(self.starts, Starts) and self.starts.kind == "masks"
        return list(logged | starts if has_masks else logged)

    def without_start(self, sample_key: str) -> list[str]:
        """The objects of a log, sorted, that have no mask or box although some are given for the run."""
        if not isinstance(self.clicks, ClickLog) or not isinstance(self.starts, Starts):
            return []
        return sorted(self.clicks.objects_of(sample_key).keys() - self.starts_of(sample_key).keys())

    def starts_of(self, sample_key: str) -> dict[str, GivenMask | GivenBox]:
        """The masks or boxes that objects of a sample start from, by object id."""
        return self.starts.of_sample(sample_key) if isinstance(self.starts, Starts) else {}

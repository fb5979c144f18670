"""Evaluation inside a training run: simulated clicks on held-out objects, shared out over the workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from actors.labelling.object_sessions import ObjectSessions
from actors.training.group import TrainGroup
from actors.training.job import Validation
from infra.errors import SampleError
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from mfp.click_model import CropModel
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.errors import TrainingError
from mfp.metrics import ClickIous, mean_iou_curve, noc
from mfp.session import Session, SessionLimits

LIMITS = SessionLimits()  # those of `mfp evaluate`
THRESHOLDS = (0.85, 0.90)
CLICKS = (1, 3, 5, 10)


class Validator:
    """Evaluates networks on the same objects again and again, as `mfp evaluate` would."""

    def __init__(self, validation: Validation, group: TrainGroup, storage: Storage) -> None:
        self.every = validation.every
        self._group = group
        self._samples = [
            sample
            for index, sample in enumerate(_first_samples(validation, storage))
            if index % group.size == group.rank
        ]
        self._objects = ObjectSessions(LIMITS)
        self._url = validation.dataset.url

    def figures(self, network: CropModel) -> Mapping[str, float]:
        """NoC@85 and NoC@90, mean IoU after 1, 3, 5 and 10 clicks, and over how many objects; every worker has to call.

        A finished object carries its last IoU forward.
        """
        # each network is evaluated once: making a backend ready would cost more than it gains
        engine = Engine(network, EngineSettings(backend="torch"), str(self._group.device))
        mine = {
            finished.key: [record.iou for record in finished.clicks]
            for finished in engine.run(self._sessions())
        }
        ious = [lists for of_worker in self._group.gathered(list(mine.values())) for lists in of_worker]
        clicks = ClickIous.from_lists(ious)
        if clicks.num_objects == 0:
            raise TrainingError(f"{self._url}: no object that the model could be validated on")
        curve = mean_iou_curve(clicks)
        return {
            **{
                f"noc{threshold * 100:.0f}": float(np.mean(noc(clicks, threshold)))
                for threshold in THRESHOLDS
            },
            **{f"iou{number}": float(curve[number - 1]) for number in CLICKS},
            "num_objects": clicks.num_objects,
        }

    def _sessions(self) -> Iterator[Session]:
        for index, sample in enumerate(self._samples):
            try:
                decoded = self._objects.decode(sample)
            except SampleError:
                continue  # the same ones every time
            for opened in self._objects.open(str(index), decoded):
                if isinstance(opened, Session):
                    yield opened


def _first_samples(validation: Validation, storage: Storage) -> Iterator[Sample]:
    """The first samples of the data set that have objects."""
    number = 0
    for shard in validation.dataset.shards:
        for item in read_shard(storage, validation.dataset.shard_url(shard), shard):
            if isinstance(item, Sample) and item.objects:
                yield item
                number += 1
                if number == validation.num_samples:
                    return

"""A run by its objects with truth: what it takes to set runs beside each other, object by object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.runs.repeated_keys import RepeatedKey
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from mfp.metrics import ClickIous, noc
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.click_protocol import ClickProtocol
from pipelines.jobs.run_objects import RunObjects
from pipelines.jobs.thresholds import THRESHOLDS


@dataclass(frozen=True)
class EvaluatedRun:
    """The objects with truth of a run, sorted by name.

    Attributes:
        run, record: the run, and what its directory says of it.
        num_shards: that are committed, of `record.dataset.num_shards`.
        protocol: how it was clicked.
        names: (num_objects,) as `RunObjects.names`.
        ious, stop_reasons, truth_area: of each; stop reasons are texts, areas pixels.
        boundary_ious: (num_objects,) float64 in [0, 1], of their masks.
        starts: what they started from, each kind once.
        repeated: keys that samples of several shards share, so that a name may stand for two objects.
    """

    run: RunDirectory
    record: LabelRecord
    num_shards: int
    protocol: ClickProtocol
    names: NDArray[np.object_]
    ious: ClickIous
    stop_reasons: NDArray[np.object_]
    truth_area: NDArray[np.float64]
    boundary_ious: NDArray[np.float64]
    starts: frozenset[str]
    repeated: tuple[RepeatedKey, ...]

    @classmethod
    def read(cls, url: str, storage: Storage) -> EvaluatedRun:
        """Read what is committed of a run.

        Raises:
            RunDirectoryError, MetricsError, StorageError: it cannot be read, see `RunObjects.read`.
        """
        run = RunDirectory(url, storage)
        records = list(run.committed().values())
        objects = RunObjects.read(run, records)
        names, known = objects.names, np.flatnonzero(objects.has_truth)
        order = known[np.argsort(names[known])]
        return cls(
            run=run,
            record=read_record(LabelRecord, url, storage),
            num_shards=len(records),
            protocol=ClickProtocol.of(run),
            names=names[order],
            ious=objects.ordered_ious(order),
            stop_reasons=objects.column("stop_reason")[order],
            truth_area=objects.column("truth_area")[order].astype(np.float64),
            boundary_ious=objects.column("boundary_iou")[order],
            starts=frozenset(objects.column("start")[order]),
            repeated=objects.repeated,
        )

    @property
    def url(self) -> str:
        """Of its directory."""
        return self.run.url

    def nocs(self, names: NDArray[np.object_]) -> dict[str, NDArray[np.float64]]:
        """By threshold the NoC of these objects, (num_names,); a threshold whose NoC is not defined is left out.

        None is defined if objects started from different kinds of start: one mean would mix them.
        """
        if len(self.starts) != 1:
            return {}
        at = np.searchsorted(self.names, names)
        return {
            name: noc(self.ious, threshold, self.protocol.max_clicks)[at].astype(np.float64)
            for name, threshold in THRESHOLDS.items()
            if self.protocol.defines_noc(self.ious, self.stop_reasons, threshold)
        }

    def last_ious(self, names: NDArray[np.object_]) -> NDArray[np.float64]:
        """(num_names,): the IoU of the masks of these objects."""
        return self.ious.last[np.searchsorted(self.names, names)]

    def last_boundary_ious(self, names: NDArray[np.object_]) -> NDArray[np.float64]:
        """(num_names,): the boundary IoU of the masks of these objects."""
        return self.boundary_ious[np.searchsorted(self.names, names)]

"""A cluster to label on, and the workers that it has room for: known before a run writes anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.ray_session import Cluster, ray_session
from actors.specs.workers import Workers
from mfp.engine_settings import Device

if TYPE_CHECKING:
    from actors.labelling.worker import WorkerResources
    from actors.labelling.worker_pool import PoolSize


@dataclass(frozen=True)
class FittingWorkers:
    """How many workers a connected cluster may be asked for, and what each of them gets."""

    size: PoolSize
    resources: WorkerResources


@contextmanager
def workers_that_fit(workers: Workers, device: Device) -> Iterator[FittingWorkers]:
    """Be connected to Ray inside the block.

    Raises:
        ClusterError: no cluster answers, or the workers do not fit this machine.

    """
    with ray_session(workers.ray_address) as cluster:
        # Not before: it imports Ray, which reads its settings then.
        from actors.labelling.worker import WorkerResources
        from actors.labelling.worker_pool import PoolSize

        num_gpus = workers.gpus_per_worker if uses_gpu(device, cluster) else 0.0
        resources = WorkerResources(workers.cpus_per_worker, num_gpus)
        size = PoolSize(workers.minimum, workers.maximum).that_fits(cluster, resources)
        yield FittingWorkers(size, resources)


def uses_gpu(device: Device, cluster: Cluster) -> bool:
    """Tell whether workers are given a GPU: if the device says so, or is `auto` and the cluster has one."""
    return device == "cuda" or (device == "auto" and cluster.num_gpus > 0)

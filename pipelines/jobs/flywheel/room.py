"""Whether a cluster has room for labelling and training at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from actors.errors import ClusterError
from actors.ray_session import Cluster
from actors.specs.flywheel import FlywheelSpec
from pipelines.jobs.workers_that_fit import uses_gpu


def fit_on(shares: Sequence[float], num_gpus: int) -> bool:
    """Tell whether workers fit: a share of a GPU lies on one of them, whole numbers take as many.

    First fit, the largest shares first: what it places is placed; Ray may do no better.
    """
    free = [1.0] * num_gpus
    for share in sorted(shares, reverse=True):
        for _ in range(max(1, ceil(share))):
            part = min(share, 1.0)
            place = next((gpu for gpu, left in enumerate(free) if left >= part - 1e-9), -1)
            if place < 0:
                return False
            free[place] -= part
    return True


def check_room(spec: FlywheelSpec, cluster: Cluster) -> str:
    """Return a line for a cluster that is too small now and may grow; "" if there is room.

    Raises:
        ClusterError: a Ray of this machine, which does not grow, has not enough cores or GPUs for both.

    """
    workers = spec.workers
    label, train = workers.labelling.minimum, workers.training.minimum
    num_workers = label + train
    where = "this machine" if cluster.is_local else "the cluster"
    who = f"{label} workers that label and {train} that train"
    lines = []
    num_cpus = num_workers * workers.cpus_per_worker
    if num_cpus > cluster.num_cpus:
        share = int(100 * cluster.num_cpus / num_workers) / 100
        lines.append(
            f"{who} need {num_cpus:g} CPU together, {where} has {cluster.num_cpus:g}: ask for fewer, or smaller ones "
            f"(--cpus-per-worker {share:g})"
        )
    shares = [workers.gpus_per_worker] * num_workers
    if uses_gpu(spec.network.device, cluster) and not fit_on(shares, int(cluster.num_gpus)):
        remedy = "give --device cpu"
        if cluster.num_gpus >= 1:
            share = int(100 / ceil(num_workers / int(cluster.num_gpus))) / 100
            remedy = f"ask for fewer, or smaller ones (--gpus-per-worker {share:g})"
        lines.append(
            f"{who} do not fit on the {cluster.num_gpus:g} GPU of {where}, each of them on one: {remedy}"
        )
    if lines and cluster.is_local:
        raise ClusterError("; ".join(lines))
    return f"unless the cluster grows, this waits for ever: {'; '.join(lines)}" if lines else ""

"""Whether a cluster has room for labelling and training at the same time."""

from __future__ import annotations

from actors.errors import ClusterError
from actors.ray_session import Cluster
from pipelines.label import uses_gpu
from pipelines.options import FlywheelOptions


def check_room(options: FlywheelOptions, cluster: Cluster) -> str:
    """Return a line for a cluster that is too small now and may grow; "" if there is room.

    Raises:
        ClusterError: a Ray of this machine, which does not grow, has not enough cores or GPUs for both.

    """
    label, train = options.label_workers, options.train_workers
    needs = [("CPU", "--cpus-per-worker", cluster.num_cpus, label.num_cpus, train.num_cpus)]
    if uses_gpu(options.device, cluster):
        needs.append(("GPU", "--gpus-per-worker", cluster.num_gpus, label.num_gpus, train.num_gpus))
    lines = []
    for name, option, available, of_label, of_train in needs:
        needed = label.minimum * of_label + train.minimum * of_train
        if needed <= available:
            continue
        where = "this machine" if cluster.is_local else "the cluster"
        share = int(100 * available / (label.minimum + train.minimum)) / 100
        lines.append(
            f"{label.minimum} workers that label and {train.minimum} that train need {needed:g} {name} together, "
            f"{where} has {available:g}: ask for fewer, or smaller ones ({option} {share:g})"
        )
    if lines and cluster.is_local:
        raise ClusterError("; ".join(lines))
    return f"unless the cluster grows, this waits for ever: {'; '.join(lines)}" if lines else ""

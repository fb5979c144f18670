"""A Ray cluster of three nodes in a process of its own, commanded by lines on stdin.

`add` adds a node, `kill N` kills all processes of worker node number N at once. Each answer is one line of JSON. The
end of stdin ends the cluster, so that it never outlives whoever started it.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

NUM_WORKER_NODES = 2
_TRIES_TO_ADD = 4
# a dead node is noticed after three seconds
_HEALTH_CHECK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 3,
    "health_check_timeout_ms": 1000,
}
_NODE: dict[str, Any] = {
    "num_cpus": 1,
    "num_gpus": 0,
    "node_ip_address": "127.0.0.1",
    "object_store_memory": 80 * 2**20,
}


def main() -> None:
    """Serve the commands until stdin ends."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    from ray.cluster_utils import Cluster

    head = {**_NODE, "include_dashboard": False, "_system_config": _HEALTH_CHECK}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [_added_node(cluster) for _ in range(NUM_WORKER_NODES)]
    _answer(address=cluster.address)
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "add":
            nodes.append(_added_node(cluster))
            _answer(num_nodes=len(nodes))
        else:
            node = nodes.pop(int(arguments[0]))
            raylet = node.all_processes["raylet"][0].process
            pid = raylet.pid if raylet.poll() is None else None
            cluster.remove_node(node, allow_graceful=False)
            _answer(pid=pid)
    cluster.shutdown()  # type: ignore[no-untyped-call]


def _added_node(cluster: Any) -> Any:
    """A new node; Ray gives it 30 s to come up, which a machine that does much else may need more than once."""
    for tries_left in reversed(range(_TRIES_TO_ADD)):
        try:
            return cluster.add_node(wait=False, **_NODE)
        except Exception:
            if not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def _answer(**values: object) -> None:
    print(json.dumps(values), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

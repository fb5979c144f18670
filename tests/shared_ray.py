"""One Ray for all tests of a process that want one: its start and its end take seconds of processor time."""

from __future__ import annotations

from contextlib import ExitStack

from actors.ray_session import Cluster, ray_session


class SharedRay:
    """A local Ray; it starts when a test first asks for it, and ends with the tests or when one wants none."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._cluster: Cluster | None = None

    def cluster(self) -> Cluster:
        """Return the cluster, running."""
        if self._cluster is None:
            self._cluster = self._stack.enter_context(ray_session("local"))
        return self._cluster

    def stop(self) -> None:
        """End it; the next test that asks gets another."""
        self._stack.close()
        self._cluster = None

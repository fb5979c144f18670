"""Everything this room raises about the cluster; each message is one line that says what to do."""

from __future__ import annotations


class ActorsError(Exception):
    """Base of the errors of the cluster's side."""


class ClusterError(ActorsError):
    """A Ray cluster that cannot be reached, or has no room for the workers."""


class ShardLostError(ActorsError):
    """A shard whose workers died again and again."""


class TooManyErrorsError(ActorsError):
    """More samples and objects were quarantined than the run allows."""


class GpuMemoryError(ActorsError):
    """A batch that does not fit the memory of a worker's GPU."""

"""Everything this room raises about the cluster; each message is one line that says what to do."""

from __future__ import annotations


class ActorsError(Exception):
    """Base of the errors of the cluster's side."""


class ClusterError(ActorsError):
    """A Ray cluster that cannot be reached, or has no room for the workers."""


class EveryShardFailsError(ActorsError):
    """One shard after the other could not be done: it is not the shards."""


class TooManyErrorsError(ActorsError):
    """More samples and objects were quarantined than the run allows."""


class GpuMemoryError(ActorsError):
    """A model or a single object that does not fit the memory of a worker's GPU."""


class DeviceError(ActorsError):
    """A GPU that has failed under a worker; nothing runs on it any more in that process."""


class SpecError(ActorsError):
    """A specification with a value that is of another type than its setting, or out of its bounds."""

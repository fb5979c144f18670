"""What keeps a chaos run from going on; what it finds out about the product is a finding, not one of these."""

from __future__ import annotations


class ChaosError(Exception):
    """The surroundings failed: a server, the cluster or a step that ran out of time."""

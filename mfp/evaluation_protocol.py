"""The two numbers of the evaluation protocol: clicks on an object at most, and the IoU at which they end."""

from __future__ import annotations

MAX_CLICKS = 20
TARGET_IOU = 0.95
"""The highest threshold that NoC is told for."""

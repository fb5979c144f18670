"""Where the project's shared reference values and data lie, for tests that use the full files where they exist."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = (Path(__file__).parents[1] / "../shared").resolve()
"""A directory beside the checkout; most machines, CI among them, have none."""

requires_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no shared data at {SHARED}")
"""Marks a test that needs SHARED."""

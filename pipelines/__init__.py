"""MFP in Python: specifications, the jobs that take them, and the runs that come of it. See docs/python.md.

The names are those of `pipelines.face`. They are loaded when one of them is first used: the command line takes signals
before it imports anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.face import *  # noqa: F403


def __getattr__(name: str) -> Any:
    import pipelines.face as face  # noqa: PLR0402  # `from pipelines import face` would ask here again

    if name not in face.__all__:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    return getattr(face, name)


def __dir__() -> list[str]:
    import pipelines.face as face  # noqa: PLR0402  # as above

    return sorted(face.__all__)

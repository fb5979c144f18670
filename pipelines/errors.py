"""What a job refuses, and which exceptions of the lower rooms are a person's to put right."""

from __future__ import annotations


class PipelineError(Exception):
    """Base of the errors of this room; the message is one line that says what to do."""


class OptionError(PipelineError):
    """Options that do not go together, or that this data set or model cannot serve."""


class JobError(PipelineError):
    """A Ray cluster, or a job on it, that cannot be used as asked."""


def persons_error(error: BaseException) -> str | None:
    """Return one line for an error that a person can put right, None for a defect: that gets its traceback.

    An exception that Ray carried over from a worker counts as the one that was raised there.
    """
    from actors.errors import ActorsError
    from infra.errors import InfraError
    from mfp.errors import MfpError

    raised = getattr(error, "cause", None) or error
    if not isinstance(raised, PipelineError | ActorsError | InfraError | MfpError):
        return None
    return " ".join(str(raised).split()) or type(raised).__name__
